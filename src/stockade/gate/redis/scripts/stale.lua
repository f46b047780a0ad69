-- What is marked: the time, then each epoch's key and record.
-- KEYS: 1 the set of what is marked. ARGV: 1 the time in microseconds, "" for the server's.

local time = redis.call('TIME')
local found = {tonumber(ARGV[1]) or time[1] * 1000000 + time[2]}
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    local value = redis.call('GET', key)
    if value then
        found[#found + 1] = key
        found[#found + 1] = value
    end
end
return found
