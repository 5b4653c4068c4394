-- Records the outcome of an attempt and ends its claim.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  target
-- ARGV[2]  kind
-- ARGV[3]  entry
-- ARGV[4]  consumer
-- ARGV[5]  lane
-- ARGV[6]  id
-- ARGV[7]  replay
-- ARGV[8]  outcome: done, dead, retry, released
-- ARGV[9]  delivery
-- ARGV[10]  now
-- ARGV[11]  due at
-- Answer   1; 2 if it was settled just so before, by this very call whose answer was lost; 0 if the claim is not this
--          relay's any more: then nothing was changed.
-- @include library

local target, kind, entry, consumer, lane = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local id, replay, outcome, now, dueAt = ARGV[6], ARGV[7], ARGV[8], ARGV[10], ARGV[11]
local stream = p .. ':' .. kind .. ':' .. target
local key, field = p .. ':state:' .. id, target .. ':' .. replay
if not holds(stream, consumer, entry) then
  return redis.call('HGET', key, field) == ARGV[9] and 2 or 0
end
drop(stream, entry)
local ref = id .. ':' .. replay
if redis.call('EXISTS', key) == 0 then
  if lane ~= '' then nextInLane(target, lane, ref) end
  return 0
end
redis.call('HSET', key, field, ARGV[9])
if outcome == 'done' or outcome == 'dead' then
  redis.call('ZREM', p .. ':open:' .. target, ref)
  local last = redis.call('HEXISTS', key, target .. ':' .. (tonumber(replay) + 1)) == 0
  if last and outcome == 'done' then
    sum('done', 1)
  elseif last then
    redis.call('HINCRBY', key, 'dead', 1)
    addDead(id, target, ARGV[9])
  end
  forgetTarget(target)
  redis.call('HINCRBY', key, 'open', -1)
  finishIfOver(id, now)
  if lane ~= '' then nextInLane(target, lane, ref) end
else
  local what = lane == '' and ref or ('lane:' .. lane)
  if tonumber(dueAt) <= tonumber(now) then
    announce(target, 'retry', what)
  else
    redis.call('ZADD', p .. ':due:' .. target, dueAt, what)
  end
end
return 1
