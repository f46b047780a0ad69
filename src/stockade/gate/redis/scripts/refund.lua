-- Give back places that were charged at one time; what has left the window, or was held by a clock that stepped back,
-- is not found.
-- KEYS: limits.
-- ARGV: 1 the time at which they were charged; 2 the time now, "" for the server's; then for each limit 16 bytes,
--       little endian: its shape (8), its count (4), the cost (4).

local HEAD = 36
local unpack_from, pack = struct.unpack, struct.pack
local call, floor, min = redis.call, math.floor, math.min

local charged = tonumber(ARGV[1])
local now = tonumber(ARGV[2])
if not now then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
end

for index, key in ipairs(KEYS) do
    local argument = ARGV[2 + index]
    local shape, count, cost = argument:sub(1, 8), unpack_from('<I4I4', argument, 9)
    local value = call('GET', key)
    if value and value:sub(1, 8) == shape then
        local twice = unpack_from('<I8', shape)
        local grain, span = 1, twice / 2
        if twice % 2 == 1 then
            span = (twice - 1) / 2
        else
            grain, span = floor((twice / 2 + 59) / 60), 61
        end
        local wanted = floor(charged / grain)
        local _, stop, top = unpack_from('<I4I8I4', value, 9)
        local newest = stop / grain - 1
        local slot = math.max(floor(now / grain), newest)
        local kept, total = {}, 0
        local function keep(at, places)
            if at == wanted then
                places = places - min(cost, places)
            end
            if at + span > slot and places > 0 then
                kept[#kept + 1] = {at, places}
                total = total + places
            end
        end
        for at = HEAD + 1, #value - 1, 12 do
            keep(unpack_from('<I8I4', value, at))
        end
        keep(newest, top)
        if #kept == 0 then
            call('DEL', key)
        else
            local last = table.remove(kept)
            local first = kept[1] or last
            local parts = {
                shape,
                pack('<I4I8I4I8I4', total, (last[1] + 1) * grain, last[2], (first[1] + span) * grain, count),
            }
            for _, each in ipairs(kept) do
                parts[#parts + 1] = pack('<I8I4', each[1], each[2])
            end
            call('SET', key, table.concat(parts), 'KEEPTTL')
        end
    end
end
return 1
