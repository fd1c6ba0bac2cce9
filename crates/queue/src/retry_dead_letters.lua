-- Enqueues dead letters again, each once, whoever asks at the same time.
-- KEYS[1] the stream; KEYS[2] its dead letters; ARGV their ids
local retried = 0
for _, id in ipairs(ARGV) do
  local found = redis.call('XRANGE', KEYS[2], id, id)
  if found[1] then
    local fields = found[1][2]
    for i = 1, #fields, 2 do
      if fields[i] == 'job' then
        redis.call('XADD', KEYS[1], '*', 'job', fields[i + 1])
      end
    end
    redis.call('XDEL', KEYS[2], id)
    retried = retried + 1
  end
end
return retried
