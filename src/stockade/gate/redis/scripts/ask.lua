#!lua
-- Read epochs and charge limits in one step: all of them, or none.
-- The first line has the server refuse the whole script where it may not write, also if nothing is charged: a master
-- that is cut off from its replicas (min-replicas-to-write) must not admit anybody by its old epochs.
-- KEYS: the world's record, epochs, limits.
-- ARGV: 1 how many epochs; 2 the time in microseconds, "" for the server's own; then for each limit 16 bytes, little
--       endian: its shape (8), its count (4), the cost (4).
-- Returns: time, index of the charge that refused (-1: none), its wait, the world's record, the epochs' records,
--       then for each charge places left and microseconds until the oldest comes free.
-- A limit's value is laid out as in stockade.gate.windows, and counts as it says there.

local HEAD = 36
local unpack_from, pack = struct.unpack, struct.pack
local call, floor = redis.call, math.floor

local epochs = tonumber(ARGV[1])
local first = epochs + 2
local now, timed = tonumber(ARGV[2]), false
if not now then
    local time = call('TIME')
    now, timed = time[1] * 1000000 + time[2], true
end

local function grains(shape)
    if shape % 2 == 1 then
        return 1, (shape - 1) / 2
    end
    return floor((shape / 2 + 59) / 60), 61
end

-- The slots that still count, oldest first, and their sum.
local function live(value, shape, grain, span)
    local slots, sum = {}, 0
    if not value or unpack_from('<I8', value) ~= shape then
        return slots, sum
    end
    local _, stop, top = unpack_from('<I4I8I4', value, 9)
    local newest = stop / grain - 1
    local slot = floor(now / grain)
    if slot < newest then
        slot = newest
    end
    local at = HEAD + 1
    while at < #value do
        local old, places = unpack_from('<I8I4', value, at)
        if old + span > slot then
            slots[#slots + 1] = {old, places, at}
            sum = sum + places
        end
        at = at + 12
    end
    if newest + span > slot then
        slots[#slots + 1] = {newest, top, at}
        sum = sum + top
    end
    return slots, sum
end

local values = call('MGET', unpack(KEYS))
local answer = {now, -1, 0}
for at = 1, first - 1 do
    answer[at + 3] = values[at]
end

-- What is to be written, and for keys that are charged twice what they hold after the first time.
local written, keys, parts, lives, tails = 0, {}, {}, {}, {}
local refused, wait = -1, 0
local out = first + 2
for index = first, #KEYS do
    local key = KEYS[index]
    local shape, count, cost = unpack_from('<I8I4I4', ARGV[3 + index - first])
    local value = values[index]
    local before = tails[key]
    if before then
        value = lives[before] and parts[before] or (value:sub(1, 8) .. parts[before] .. value:sub(25))
    end
    local known, total, stop, top, free = 0, 0, 0, 0, 0
    if value then
        known, total, stop, top, free = unpack_from('<I8I4I8I4I8', value)
    end
    if known == shape and now < stop and total + cost <= count then
        -- In the newest slot: three numbers in the middle of the header change.
        local middle = pack('<I4I8I4', total + cost, stop, top + cost)
        answer[out + 1], answer[out + 2] = count - total - cost, free - now
        if before and lives[before] then
            parts[before] = value:sub(1, 8) .. middle .. value:sub(25)
        elseif before then
            parts[before] = middle
        else
            written = written + 1
            keys[written], parts[written], tails[key] = key, middle, written
        end
    else
        local grain, span = grains(shape)
        local slots, sum = live(value, shape, grain, span)
        if sum + cost <= count then
            -- A new slot: what has left the window is dropped, the slot that was newest joins the list.
            local slot = floor(now / grain)
            free = ((slots[1] and slots[1][1] or slot) + span) * grain
            local rest = ''
            if slots[1] then
                local newest = slots[#slots]
                rest = value:sub(slots[1][3], newest[3] - 1) .. pack('<I8I4', newest[1], newest[2])
            end
            stop = (slot + 1) * grain
            value = pack('<I8I4I8I4I8I4', shape, sum + cost, stop, cost, free, count) .. rest
            answer[out + 1], answer[out + 2] = count - sum - cost, free - now
            if not before then
                written = written + 1
                before = written
                keys[written], tails[key] = key, written
            end
            parts[before], lives[before] = value, floor((stop + (span - 1) * grain - now) / 1000) + 1
        else
            local longer = (shape - shape % 2) / 2
            if cost <= count then
                local missing = sum + cost - count
                for _, each in ipairs(slots) do
                    missing = missing - each[2]
                    if missing <= 0 then
                        longer = (each[1] + span) * grain - now
                        break
                    end
                end
            end
            if refused < 0 or longer > wait then
                refused, wait = index - first, longer
            end
        end
    end
    out = out + 2
end

if refused >= 0 then
    answer[2], answer[3] = refused, wait
    out = first + 2
    for index = first, #KEYS do
        local shape, count = unpack_from('<I8I4', ARGV[3 + index - first])
        local grain, span = grains(shape)
        local slots, sum = live(values[index], shape, grain, span)
        answer[out + 1] = sum < count and count - sum or 0
        answer[out + 2] = slots[1] and (slots[1][1] + span) * grain - now or 0
        out = out + 2
    end
    return answer
end

for at = 1, written do
    local life = lives[at]
    if not life then
        call('SETRANGE', keys[at], 8, parts[at])
    elseif timed then
        call('SET', keys[at], parts[at], 'PX', life)
    else
        call('SET', keys[at], parts[at])
    end
end
return answer
