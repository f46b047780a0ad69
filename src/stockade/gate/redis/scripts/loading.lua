-- Who fills the state: KEYS 1 the place of its name; ARGV 1 the name, 2 for how many milliseconds, "" to give it up.

local holder = redis.call('GET', KEYS[1])
if ARGV[2] ~= '' then
    if holder and holder ~= ARGV[1] then
        return 0
    end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif holder == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
return 1
