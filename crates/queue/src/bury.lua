-- Moves a job to the dead letters, in one step.
-- KEYS[1] the stream, KEYS[2] its dead letters, KEYS[3] why jobs failed;
-- ARGV the group, the job's id, how many dead letters are kept, then the job, why it is given up and how often it was tried
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'job', ARGV[4], 'error', ARGV[5], 'attempts', ARGV[6], 'id', ARGV[2])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return redis.call('HDEL', KEYS[3], ARGV[2])
