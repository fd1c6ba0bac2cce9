-- Writes the copy of the rulings, in one step.
-- KEYS[1] the rulings, KEYS[2] the names, KEYS[3] their version; ARGV the rulings, the version, then each name with its answer
redis.call('SET', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
-- Lua hands over some thousands of arguments at most.
for from = 3, #ARGV, 1000 do
  redis.call('HSET', KEYS[2], unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return redis.call('SET', KEYS[3], ARGV[2])
