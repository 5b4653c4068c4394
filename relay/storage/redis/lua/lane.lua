-- Puts what restore.lua noted of a lane into it, in order; the lane begins once all of it is there.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  target
-- ARGV[2]  key of the lane
-- ARGV[3]  now
-- ARGV[4]  most deliveries of one call
-- Answer   1 if that was all, else 0.
-- @include library

local target, name, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local noted, lane = p .. ':restore:' .. target .. ':' .. name, p .. ':lane:' .. target .. ':' .. name
local refs = redis.call('ZPOPMIN', noted, ARGV[4])
for i = 1, #refs, 2 do redis.call('RPUSH', lane, refs[i]) end
if redis.call('EXISTS', noted) == 1 then return 0 end
redis.call('SREM', p .. ':restore', target .. '\n' .. name)
sum('lanes:' .. target, 1)
local id, replay = string.match(redis.call('LINDEX', lane, 0), '^(%w+):(%d+)$')
local state = redis.call('HGET', p .. ':state:' .. id, target .. ':' .. replay)
local dueAt = tonumber(string.match(state, '"dueAt":(%d+)') or '0')
local what = 'lane:' .. name
if dueAt > now then
  redis.call('ZADD', p .. ':due:' .. target, dueAt, what)
else
  announce(target, (string.match(state, '"attempts":(%d+)') or '0') == '0' and 'first' or 'retry', what)
end
return 1
