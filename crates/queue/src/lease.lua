-- One at a time: takes the lease, or keeps it.
-- KEYS[1] the lease; ARGV who asks, and for how many milliseconds: 0 gives it up. Answers whether it is theirs.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
    redis.call('DEL', KEYS[1])
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
