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

local function form(shape)
    local twice = unpack_from('<I8', shape)
    local exact = twice % 2
    local period = (twice - exact) / 2
    if exact == 1 then
        return 1, period, period
    end
    return floor((period + 59) / 60), 61, period
end

-- The slots that still count, oldest first, and their sum.
local function live(value, shape, grain, span)
    local slots, sum = {}, 0
    if not value or value:sub(1, 8) ~= shape then
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

local pending, writes = {}, {}
local refused, wait = -1, 0
local out = first + 2
for index = first, #KEYS do
    local key, argument = KEYS[index], ARGV[3 + index - first]
    local shape, count, cost = argument:sub(1, 8), unpack_from('<I4I4', argument, 9)
    local value = pending[key]
    if value == nil then
        value = values[index]
    end
    local total, stop, top, free = 0, 0, 0, 0
    local known = value and value:sub(1, 8) == shape
    if known then
        total, stop, top, free = unpack_from('<I4I8I4I8', value, 9)
    end
    if known and now < stop and total + cost <= count then
        local middle = pack('<I4I8I4', total + cost, stop, top + cost)
        pending[key] = shape .. middle .. value:sub(25)
        writes[#writes + 1] = {key, middle}
        answer[out + 1], answer[out + 2] = count - total - cost, free - now
    else
        local grain, span, period = form(shape)
        local slots, sum = live(value, shape, grain, span)
        if sum + cost <= count then
            -- A new slot: what has left the window is dropped, the slot that was newest joins the list.
            local slot = floor(now / grain)
            local oldest = slots[1] and slots[1][1] or slot
            free = (oldest + span) * grain
            local rest = ''
            if slots[1] then
                local newest = slots[#slots]
                rest = value:sub(slots[1][3], newest[3] - 1) .. pack('<I8I4', newest[1], newest[2])
            end
            stop = (slot + 1) * grain
            value = shape .. pack('<I4I8I4I8I4', sum + cost, stop, cost, free, count) .. rest
            pending[key] = value
            writes[#writes + 1] = {key, value, floor((stop + (span - 1) * grain - now) / 1000) + 1}
            answer[out + 1], answer[out + 2] = count - sum - cost, free - now
        else
            local longer = period
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
        local argument = ARGV[3 + index - first]
        local shape, count = argument:sub(1, 8), unpack_from('<I4', argument, 9)
        local grain, span = form(shape)
        local slots, sum = live(values[index], shape, grain, span)
        answer[out + 1] = sum < count and count - sum or 0
        answer[out + 2] = slots[1] and (slots[1][1] + span) * grain - now or 0
        out = out + 2
    end
    return answer
end

for _, write in ipairs(writes) do
    if write[3] == nil then
        call('SETRANGE', write[1], 8, write[2])
    elseif timed then
        call('SET', write[1], write[2], 'PX', write[3])
    else
        call('SET', write[1], write[2])
    end
end
return answer
