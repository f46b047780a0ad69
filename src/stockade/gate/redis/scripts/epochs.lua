-- Set dirty marks, move epochs, load a state. Records are laid out as in stockade.gate.records.
-- KEYS: 1 the world's record; 2 the set of what is marked; 3 the birth of this state; then epochs.
-- ARGV: 1 what to do; 2 the time in microseconds, "" for the server's; then
--   mark:    3 the token (8 bytes), 4 what names the writer
--   publish: 3 the token, "" to take no mark off; 4 how long a subject's, 5 a session's epoch is kept at least,
--            in milliseconds; then the number of each epoch
--   begin:   3 a birth, for a state that has none. Returns the state's birth
--   finish:  3 the birth that `begin` returned, 4 the tag of this run of the server and the owner (12 bytes), 5 the
--            rest of a new marker, 6 the world's epoch. Returns 0 if the state was wiped meanwhile

local CLEAN, MARK, MARKER, HEAD = 16, 28, 16, 24
local call, pack, unpack_from = redis.call, struct.pack, struct.unpack

local now = tonumber(ARGV[2])
if not now then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
end

local function world()
    local value = call('GET', KEYS[1])
    if not value then
        return string.rep('\0', HEAD), false
    end
    return value:sub(1, HEAD), value:sub(HEAD + 1)
end

local function read(key)
    if key == KEYS[1] then
        return world()
    end
    return '', call('GET', key)
end

local function without(value, token)
    if #value == CLEAN or token == '' then
        return value
    end
    local kept = {value:sub(1, CLEAN)}
    for at = CLEAN + 1, #value, MARK do
        if value:sub(at, at + 7) ~= token then
            kept[#kept + 1] = value:sub(at, at + MARK - 1)
        end
    end
    return table.concat(kept)
end

local function raised(value, number)
    if not value then
        return pack('<I8I8', number, now)
    end
    local before = unpack_from('<I8', value)
    return pack('<I8I8', math.max(before, number), now) .. value:sub(CLEAN + 1)
end

-- What readers see of the lists' epoch stands in the world's record, which every request reads anyway.
local function tell_lists(value)
    local head, rest = world()
    local seen = #value == CLEAN and value:sub(1, 8) or string.rep('\255', 8)
    call('SET', KEYS[1], head:sub(1, MARKER) .. seen .. (rest or pack('<I8I8', 0, 0)))
end

local function write(key, before, value, keep)
    if keep and #value == CLEAN then
        call('SET', key, before .. value, 'PX', keep)
    else
        call('SET', key, before .. value)
    end
    if key == 'x' then
        tell_lists(value)
    end
end

local what = ARGV[1]
if what == 'mark' then
    local mark = ARGV[3] .. ARGV[4] .. pack('<I8', now)
    for index = 4, #KEYS do
        local key = KEYS[index]
        local before, value = read(key)
        write(key, before, without(value or pack('<I8I8', 0, now), ARGV[3]) .. mark)
        call('SADD', KEYS[2], key)
    end
elseif what == 'publish' then
    local keep = {[115] = ARGV[4], [116] = ARGV[5]}
    for index = 4, #KEYS do
        local key = KEYS[index]
        local before, value = read(key)
        value = without(raised(value, ARGV[index + 2] + 0), ARGV[3])
        write(key, before, value, keep[key:byte(1)])
        if #value == CLEAN then
            call('SREM', KEYS[2], key)
        end
    end
elseif what == 'begin' then
    call('SET', KEYS[3], ARGV[3], 'NX')
    return call('GET', KEYS[3])
elseif what == 'finish' then
    if call('GET', KEYS[3]) ~= ARGV[3] then
        return 0
    end
    local head, value = world()
    if head:sub(1, 12) ~= ARGV[4] then
        head = ARGV[4] .. ARGV[5] .. head:sub(MARKER + 1)
    end
    call('SET', KEYS[1], head .. raised(value, ARGV[6] + 0))
end
return 1
