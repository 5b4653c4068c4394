-- Removes an event. Stream entries that name it are dropped when they are next read, or given up by who holds them.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  for retention: the index that it must be in (final or dead) with no delivery open
-- Answer   1 if it was removed.
-- @include library

local id = ARGV[1]
local key = p .. ':state:' .. id
if ARGV[2] then
  if not redis.call('ZSCORE', p .. ':' .. ARGV[2], id) then return 0 end
  if tonumber(redis.call('HGET', key, 'open') or '0') > 0 or isUnrouted(id) then return 0 end
end
if redis.call('ZREM', p .. ':events', id) == 0 then return 0 end
unfinish(id)
removeKind(id)
redis.call('ZREM', p .. ':unrouted', id)
redis.call('ZREM', p .. ':dead', id)
sum('bytes', -redis.call('STRLEN', p .. ':event:' .. id))
local all, last = deliveriesOf(id)
indexIds(id, redis.call('HGET', key, 'ids') or '', true)
redis.call('DEL', p .. ':event:' .. id, key, p .. ':duplicates:' .. id)
for _, one in ipairs(all) do
  if one.state == 'w' or one.state == 's' then
    local ref = id .. ':' .. one.replay
    redis.call('ZREM', p .. ':open:' .. one.target, ref)
    if one.lane == '' then
      redis.call('ZREM', p .. ':due:' .. one.target, ref)
    elseif redis.call('LINDEX', p .. ':lane:' .. one.target .. ':' .. one.lane, 0) == ref
      and redis.call('ZREM', p .. ':due:' .. one.target, 'lane:' .. one.lane) == 1 then
      nextInLane(one.target, one.lane, ref)
    end
  end
end
for target, one in pairs(last) do
  if one.state == 'd' then sum('done', -1) end
  removeDead(id, target, one.value)
  forgetTarget(target)
end
return 1
