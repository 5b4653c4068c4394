-- Remembers deliveries of events that are gone.
-- KEYS[1]  the prefix of every key
-- ... of each: hash of the dedupe key, beginning of the event's id, milliseconds for which it is still remembered
-- Answer   1.
-- @include library

for i = 1, #ARGV, 3 do
  local seen, order = p .. ':seen:' .. ARGV[i], ARGV[i + 1]
  local known = redis.call('GET', seen)
  if not known or known < order then redis.call('SET', seen, order, 'PX', ARGV[i + 2]) end
end
return 1
