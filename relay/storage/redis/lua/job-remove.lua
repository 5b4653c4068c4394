-- Forgets a replay job.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ... targets of its parts
-- Answer   1.
-- @include library

local job = p .. ':replay:' .. ARGV[1]
for i = 2, #ARGV do redis.call('DEL', job .. ':' .. ARGV[i]) end
redis.call('DEL', job)
redis.call('ZREM', p .. ':replays', ARGV[1])
redis.call('SREM', p .. ':replays:active', ARGV[1])
return 1
