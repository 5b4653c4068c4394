-- Takes in an event of another storage, with its deliveries. Its bytes were set right before, for a while only: from here on they
-- last. What waits in a lane is put there by lane.lua, once all events are there.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  now
-- ARGV[3]  hash of the dedupe key
-- ARGV[4]  milliseconds for which it is still remembered
-- ARGV[5]  1 if it was matched with targets, else 0
-- ARGV[6]  how often it was sent again
-- ARGV[7]  when last
-- ARGV[8]  when it was over, if it is
-- ARGV[9]  numbers of the ids that GitLab gave it, one after another
-- ... deliveries: target, replay, state, lane, order in the lane, attempts, due at
-- Answer   1; 0 if it is there already.
-- @include library

local id, now, hash = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local event, key = p .. ':event:' .. id, p .. ':state:' .. id
local size = redis.call('STRLEN', event)
if size == 0 then return redis.error_reply('ERR the event is gone before it was stored') end
redis.call('PERSIST', event)
if redis.call('ZSCORE', p .. ':events', id) then return 0 end
redis.call('ZADD', p .. ':events', 0, id)
sum('bytes', size)
local kind = kindOf(id)
if kind then addKinds({ [kind] = 1 }, id, 1) end
if tonumber(ARGV[4]) > 0 then
  local seen, order = p .. ':seen:' .. hash, string.sub(id, 1, -1 - #hash)
  local known = redis.call('GET', seen)
  if not known or known < order then redis.call('SET', seen, order, 'PX', ARGV[4]) end
end
if ARGV[6] ~= '0' then redis.call('HSET', p .. ':duplicates:' .. id, 'count', ARGV[6], 'at', ARGV[7]) end

local open = 0
indexIds(id, ARGV[9], false)
for i = 10, #ARGV, 7 do
  local target, replay, state, lane, order = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local ref = id .. ':' .. replay
  redis.call('HSET', key, target .. ':' .. replay, state)
  if lane ~= '' then redis.call('HSET', key, '@' .. target .. ':' .. replay, lane) end
  if string.sub(state, 1, 1) == 'w' then
    open = open + 1
    redis.call('SADD', p .. ':targets', target)
    redis.call('ZADD', p .. ':open:' .. target, 0, ref)
    if lane ~= '' then
      redis.call('ZADD', p .. ':restore:' .. target .. ':' .. lane, order, ref)
      redis.call('SADD', p .. ':restore', target .. '\n' .. lane)
    elseif tonumber(ARGV[i + 6]) > now then
      redis.call('ZADD', p .. ':due:' .. target, ARGV[i + 6], ref)
    else
      announce(target, ARGV[i + 5] == '0' and 'first' or 'retry', ref)
    end
  end
end

local isRouted, dead = ARGV[5] == '1', 0
local _, last = deliveriesOf(id)
for target, one in pairs(last) do
  if one.state == 'd' then
    sum('done', 1)
  elseif one.state == 'x' then
    dead = dead + 1
    redis.call('SADD', p .. ':targets', target)
    addDead(id, target, one.value)
  end
end
if isRouted or next(last) then redis.call('HSET', key, 'open', open) end
if dead > 0 then redis.call('HSET', key, 'dead', dead) end
if not isRouted then
  redis.call('ZADD', p .. ':unrouted', 0, id)
  if next(last) then redis.call('HSET', key, 'unrouted', 1) end
elseif open == 0 and dead == 0 then
  finish(id, ARGV[8], size)
end
return 1
