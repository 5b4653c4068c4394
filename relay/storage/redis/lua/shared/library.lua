-- The keys of the queue in Redis, and what its Lua scripts share. Every key begins with the prefix in braces, so that all of them
-- lie in one slot of a cluster:
--
--   event:<id>            the stored event (relay/event/event.ts)
--   seen:<hash>           memory of a delivery: the beginning of its event's id, which the hash is the end of; expires with the
--                         dedupe window
--   duplicates:<id>       hash: `count`, how often the event was sent again, and `at`, when last
--   gitlab-ids            `<number><event id>` for each id that GitLab gave a delivery (gitlab-ids.ts), the number as 8 hexadecimal
--                         digits; sorted like events
--   events                all event ids; like open, dead and unrouted a sorted set of equal scores, so in the order of the ids
--   state:<id>            hash: `<target>:<replay>` -> delivery (codec.ts), `@<target>:<replay>` -> its lane, if it has one;
--                         `open` and `dead`: how many of its deliveries are unfinished, how many of its targets have a dead letter;
--                         `ids`: the numbers of its ids in gitlab-ids; `unrouted`: set while it is not matched yet, but was replayed
--   unrouted              ids that are not matched with targets yet
--   targets               names of targets that have something open or dead
--   open:<target>         deliveries that are neither done nor dead
--   first:<target>        stream of what may go next and was never tried; read by the consumer group `relay`
--   retry:<target>        the same for what was tried, or handed out, before
--   due:<target>          what waits for its time, by that time
--   lane:<target>:<key>   list of the deliveries that go strictly one after another
--   final                 ids of events that are delivered or matched no target, by time of the end
--   dead, dead:<target>   ids of events with a dead letter
--   reasons:<target>      hash: how many of the latter there are for each reason (dead-reason.ts); those of earlier versions have none
--   sums                  hash of counters: `bytes` (all events), `finalbytes`, `done` (deliveries), `lanes:<target>`
--   kinds                 hash: how many events of each kind there are; under the empty name, the id of the first that was counted
--   paused                set of target names
--   replays               ids of replay jobs, by the time of their making; replays:active: set of those that have not ended;
--                         replays:lease: holder of the right to carry them out
--   replay:<job>          hash: `plan`, `state`, `endedAt`, and for each target `cursor:<target>` and its counts
--   replay:<job>:<target> set of the deliveries queued by the job that have not ended
--
-- A stream entry names a delivery (`<id>:<replay>`) or, where order matters, a lane (`lane:<key>`): whoever holds the entry works
-- the head of the lane, and no other relay does. A lane has exactly one entry, in a stream or in `due`. Whether a relay still holds
-- an entry is asked of the consumer group in the same script that changes anything: a relay that was paused beyond its lease
-- finds its entry gone and can settle nothing.

local p = KEYS[1]
local GROUP = 'relay'

-- A counter that is zero takes no space.
local function sum(field, by)
  if redis.call('HINCRBY', p .. ':sums', field, by) == 0 then redis.call('HDEL', p .. ':sums', field) end
end

-- More events, so many of each kind; `first` is the id of the first of them. `stored` events have just come, and those that an earlier
-- version stored before the first that is counted are not.
local function addKinds(counts, first, stored)
  local key, isNew = p .. ':kinds', false
  for kind, count in pairs(counts) do
    if redis.call('HINCRBY', key, kind, count) == count then isNew = true end
  end
  if not isNew or redis.call('HEXISTS', key, '') == 1 then return end
  redis.call('HSET', key, '', redis.call('ZCARD', p .. ':events') == stored and '0' or first)
end

-- The kind of a stored event as kinds.ts counts it, out of its metadata, where `kind` comes near the beginning; nil: it is not counted.
local function kindOf(id)
  local bytes = redis.call('GETRANGE', p .. ':event:' .. id, 0, 8191)
  local _, before = string.find(bytes, '"kind":', 1, true)
  if not before then return nil end
  return string.match(bytes, '^"([a-z_]+)","eventName":', before + 1)
    or string.match(bytes, '^null,"eventName":"([a-z_]+)"', before + 1)
end

local function removeKind(id)
  local key = p .. ':kinds'
  local since, kind = redis.call('HGET', key, ''), kindOf(id)
  if not since or id < since or not kind then return end
  if redis.call('HINCRBY', key, kind, -1) <= 0 then redis.call('HDEL', key, kind) end
  if redis.call('HLEN', key) == 1 then redis.call('DEL', key) end
end

local NUMBER_LENGTH = 8

-- Begins, or ends (as remove), that the event is found by the ids that GitLab gave it. `numbers` stand one after another.
local function indexIds(id, numbers, remove)
  for at = 1, #numbers, NUMBER_LENGTH do
    local member = string.sub(numbers, at, at + NUMBER_LENGTH - 1) .. id
    if remove then
      redis.call('ZREM', p .. ':gitlab-ids', member)
    else
      redis.call('ZADD', p .. ':gitlab-ids', 0, member)
    end
  end
  if not remove and numbers ~= '' then redis.call('HSET', p .. ':state:' .. id, 'ids', numbers) end
end

local function announceAll(target, kind, entries)
  if #entries == 0 then return end
  local stream = p .. ':' .. kind .. ':' .. target
  local idle = redis.call('XLEN', stream) == 0
  for _, what in ipairs(entries) do redis.call('XADD', stream, '*', 'd', what) end
  if idle then redis.call('PUBLISH', p .. ':work', target) end
end

local function announce(target, kind, what)
  announceAll(target, kind, { what })
end

-- The state must stand in the hash already.
local function addDelivery(id, target, replay, lane)
  local ref = id .. ':' .. replay
  redis.call('SADD', p .. ':targets', target)
  redis.call('ZADD', p .. ':open:' .. target, 0, ref)
  if lane == '' then
    announce(target, 'first', ref)
  elseif redis.call('RPUSH', p .. ':lane:' .. target .. ':' .. lane, ref) == 1 then
    sum('lanes:' .. target, 1)
    announce(target, 'first', 'lane:' .. lane)
  end
end

local function forgetTarget(target)
  if redis.call('EXISTS', p .. ':open:' .. target, p .. ':dead:' .. target) == 0 then
    redis.call('SREM', p .. ':targets', target)
  end
end

-- One more, or one less, dead letter with the reason that this delivery has.
local function countReason(target, delivery, by)
  local reason = string.match(delivery, '"deadReason":"([^"]*)"')
  local key = p .. ':reasons:' .. target
  if reason and redis.call('HINCRBY', key, reason, by) == 0 then redis.call('HDEL', key, reason) end
end

local function addDead(id, target, delivery)
  redis.call('ZADD', p .. ':dead', 0, id)
  if redis.call('ZADD', p .. ':dead:' .. target, 0, id) == 1 then countReason(target, delivery, 1) end
end

local function removeDead(id, target, delivery)
  if redis.call('ZREM', p .. ':dead:' .. target, id) == 1 then countReason(target, delivery, -1) end
end

local function finish(id, at, size)
  redis.call('ZADD', p .. ':final', at, id)
  sum('finalbytes', size)
end

local function unfinish(id)
  if redis.call('ZREM', p .. ':final', id) == 1 then
    sum('finalbytes', -redis.call('STRLEN', p .. ':event:' .. id))
  end
end

-- Whether it is not matched with targets yet. Replays may have delivered it nevertheless: nothing of that ends it.
local function isUnrouted(id)
  return redis.call('ZSCORE', p .. ':unrouted', id) ~= false
end

-- After one of its deliveries ended: takes the event among the final ones if nothing is left to be done for it.
local function finishIfOver(id, at)
  local key = p .. ':state:' .. id
  if tonumber(redis.call('HGET', key, 'open') or '0') > 0 or tonumber(redis.call('HGET', key, 'dead') or '0') > 0 then return end
  if isUnrouted(id) or redis.call('ZSCORE', p .. ':final', id) then return end
  finish(id, at, redis.call('STRLEN', p .. ':event:' .. id))
end

local function endLane(target, lane)
  redis.call('DEL', p .. ':lane:' .. target .. ':' .. lane)
  sum('lanes:' .. target, -1)
end

-- The head of a lane is over: the next one's turn, or the lane is.
local function nextInLane(target, lane, ref)
  local key = p .. ':lane:' .. target .. ':' .. lane
  if redis.call('LINDEX', key, 0) ~= ref then return end
  if redis.call('LLEN', key) > 1 then
    redis.call('LPOP', key)
    announce(target, 'first', 'lane:' .. lane)
  else
    endLane(target, lane)
  end
end

local function drop(stream, entry)
  redis.call('XACK', stream, GROUP, entry)
  redis.call('XDEL', stream, entry)
end

local function holds(stream, consumer, entry)
  local pending = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1)
  return pending.err == nil and #pending == 1 and pending[1][2] == consumer
end

-- What a relay held goes to whoever asks next, before what was never handed out.
local function giveBack(target, stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)
  drop(stream, entry)
  if not found[1] then return end
  local what = found[1][2][2]
  local ref = what
  if string.sub(what, 1, 5) == 'lane:' then
    ref = redis.call('LINDEX', p .. ':lane:' .. target .. ':' .. string.sub(what, 6), 0)
  end
  local id, replay = string.match(ref or '', '^(%w+):(%d+)$')
  local state = id and redis.call('HGET', p .. ':state:' .. id, target .. ':' .. replay)
  if state and string.sub(state, 1, 1) == 's' then
    redis.call('HSET', p .. ':state:' .. id, target .. ':' .. replay, 'w' .. string.sub(state, 2))
  end
  announce(target, 'retry', what)
  redis.call('PUBLISH', p .. ':work', target)
end

-- Takes a delivery that waits out of its lane. An entry that stands in a stream for an empty lane is dropped when it is read.
local function leaveLane(target, lane, ref)
  local key = p .. ':lane:' .. target .. ':' .. lane
  if redis.call('LINDEX', key, 0) ~= ref then
    redis.call('LREM', key, 1, ref)
  elseif redis.call('ZREM', p .. ':due:' .. target, 'lane:' .. lane) == 1 then
    nextInLane(target, lane, ref)
  else
    redis.call('LPOP', key)
    if redis.call('LLEN', key) == 0 then sum('lanes:' .. target, -1) end
  end
end

-- Makes a waiting delivery due now. One that stands in a stream, or behind the head of its lane, goes in its turn.
local function hasten(id, one, now)
  local ref = id .. ':' .. one.replay
  local what = ref
  if one.lane ~= '' then
    if redis.call('LINDEX', p .. ':lane:' .. one.target .. ':' .. one.lane, 0) ~= ref then return end
    what = 'lane:' .. one.lane
  end
  if one.state ~= 'w' or redis.call('ZREM', p .. ':due:' .. one.target, what) == 0 then return end
  local value = string.gsub(one.value, '"dueAt":%d+', '"dueAt":' .. now, 1)
  redis.call('HSET', p .. ':state:' .. id, one.field, value)
  announce(one.target, 'retry', what)
end

-- The deliveries of an event: a list of { field, target, replay, state, value, lane }, and the last one of each target.
local function deliveriesOf(id)
  local fields = redis.call('HGETALL', p .. ':state:' .. id)
  local lanes, all, last = {}, {}, {}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 1) == '@' then lanes[string.sub(fields[i], 2)] = fields[i + 1] end
  end
  for i = 1, #fields, 2 do
    local target, replay = string.match(fields[i], '^([^@].*):(%d+)$')
    if target then
      local one = {
        field = fields[i],
        target = target,
        replay = tonumber(replay),
        state = string.sub(fields[i + 1], 1, 1),
        value = fields[i + 1],
        lane = lanes[fields[i]] or '',
      }
      all[#all + 1] = one
      if not last[target] or one.replay > last[target].replay then last[target] = one end
    end
  end
  return all, last
end
