-- Puts a replay job into another state.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  state from now on
-- ARGV[3]  wall clock of its end, or empty
-- ... states that it must be in
-- Answer   1, or 0 if it is not there or in another state.
-- @include library

local job = p .. ':replay:' .. ARGV[1]
local state = redis.call('HGET', job, 'state')
for i = 4, #ARGV do
  if ARGV[i] == state then
    redis.call('HSET', job, 'state', ARGV[2])
    if ARGV[3] ~= '' then
      redis.call('HSET', job, 'endedAt', ARGV[3])
      redis.call('SREM', p .. ':replays:active', ARGV[1])
    end
    return 1
  end
end
return 0
