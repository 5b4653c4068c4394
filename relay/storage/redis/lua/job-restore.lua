-- Keeps a replay job of another storage as it is there.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  its plan
-- ARGV[3]  its state
-- ARGV[4]  wall clock of its making
-- ARGV[5]  wall clock of its end, or empty
-- ARGV[6]  how many fields of its hash follow
-- ... fields, each with its value; then targets, each with an open delivery
-- Answer   1.
-- @include library

local job, fields = p .. ':replay:' .. ARGV[1], tonumber(ARGV[6])
redis.call('DEL', job)
redis.call('HSET', job, 'plan', ARGV[2], 'state', ARGV[3])
redis.call('ZADD', p .. ':replays', ARGV[4], ARGV[1])
if ARGV[5] == '' then
  redis.call('SADD', p .. ':replays:active', ARGV[1])
else
  redis.call('HSET', job, 'endedAt', ARGV[5])
end
for i = 7, 6 + 2 * fields, 2 do redis.call('HSET', job, ARGV[i], ARGV[i + 1]) end
for i = 7 + 2 * fields, #ARGV, 2 do redis.call('SADD', job .. ':' .. ARGV[i], ARGV[i + 1]) end
return 1
