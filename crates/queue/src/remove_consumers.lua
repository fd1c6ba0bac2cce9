-- Removes consumers that hold nothing and have been silent.
-- KEYS[1] the stream; ARGV[1] the group; ARGV[2] silent for so many milliseconds; ARGV[3] only the one of this name, or ''
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers.err then
  return 0 -- no stream or no group yet
end
local removed = 0
for _, fields in ipairs(consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do
    consumer[fields[i]] = fields[i + 1]
  end
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2])
    and (ARGV[3] == '' or ARGV[3] == consumer.name) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    removed = removed + 1
  end
end
return removed
