-- Pauses a target, or lets it go on.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  target
-- ARGV[2]  1 to pause, 0 to go on
-- Answer   nil.
-- @include library

if ARGV[2] == '1' then
  redis.call('SADD', p .. ':paused', ARGV[1])
else
  redis.call('SREM', p .. ':paused', ARGV[1])
  redis.call('PUBLISH', p .. ':work', ARGV[1])
end
return 1
