-- Jobs are done: acknowledged and deleted in one step, so that none stays behind unseen.
-- KEYS[1] the stream; ARGV its group, then their ids
redis.call('XACK', KEYS[1], unpack(ARGV))
table.remove(ARGV, 1)
return redis.call('XDEL', KEYS[1], unpack(ARGV))
