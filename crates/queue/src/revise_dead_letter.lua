-- Puts another job into a dead letter, unless somebody was faster with it. What is in a stream cannot be changed: it is added anew.
-- KEYS[1] the dead letters; ARGV[1] its id; ARGV[2] the job
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if not found[1] then
  return 0
end
local fields = found[1][2]
for i = 1, #fields, 2 do
  if fields[i] == 'job' then
    fields[i + 1] = ARGV[2]
  end
end
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[1], '*', unpack(fields))
return 1
