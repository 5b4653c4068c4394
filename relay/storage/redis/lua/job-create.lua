-- Keeps a replay job, which is running from now on.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  its plan
-- ARGV[3]  wall clock
-- Answer   1.
-- @include library

local job = p .. ':replay:' .. ARGV[1]
redis.call('HSET', job, 'plan', ARGV[2], 'state', 'running')
redis.call('ZADD', p .. ':replays', ARGV[3], ARGV[1])
redis.call('SADD', p .. ':replays:active', ARGV[1])
return 1
