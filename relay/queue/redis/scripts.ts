/**
 * What must happen at once in Redis, as Lua scripts. Every key begins with the prefix in braces, so that all of them share one
 * slot of a cluster:
 *
 *   event:<id>            the stored event (relay/event.ts)
 *   seen:<hash>           memory of a delivery: the id of its event; expires with the dedupe window
 *   events                all event ids; like open, dead and unrouted a sorted set of equal scores, so in the order of the ids
 *   state:<id>            hash: `<target>:<replay>` -> delivery (codec.ts), `open` and `dead`: how many of its deliveries are so
 *   unrouted              ids that are not matched with targets yet
 *   open:<target>         deliveries that are neither done nor dead
 *   first:<target>        stream of what may go next and was never tried; read by the consumer group `relay`
 *   retry:<target>        the same for what was tried before
 *   due:<target>          what waits for its time, by that time
 *   lane:<target>:<key>   list of the deliveries that go strictly one after another
 *   lanes                 hash: target -> number of its lanes
 *   final                 ids of events that are delivered or matched nobody, by time of the end
 *   dead, dead:<target>   ids of events with a dead letter
 *   finalbytes, bytes     sizes of the events in final, and of all
 *   paused                set of target names
 *
 * A stream entry names a delivery (`<id>:<replay>`) or, where order matters, a lane (`lane:<key>`): whoever holds the entry works
 * the head of the lane, and nobody else does. A lane has exactly one entry, in a stream or in `due`. Whether a relay still holds
 * an entry is asked of the consumer group in the same script that changes anything: a relay that was paused beyond its lease
 * finds its entry gone and can settle nothing.
 */

/** Shared by the scripts below. */
const LIBRARY = `
local p = KEYS[1]
local GROUP = 'relay'

local function announce(target, kind, ref)
  local stream = p .. ':' .. kind .. ':' .. target
  local idle = redis.call('XLEN', stream) == 0
  redis.call('XADD', stream, '*', 'd', ref)
  if idle then redis.call('PUBLISH', p .. ':work', target) end
end

local function addDelivery(id, target, replay, lane, state)
  local ref = id .. ':' .. replay
  redis.call('HSET', p .. ':state:' .. id, target .. ':' .. replay, state)
  redis.call('ZADD', p .. ':open:' .. target, 0, ref)
  if lane == '' then
    announce(target, 'first', ref)
  elseif redis.call('RPUSH', p .. ':lane:' .. target .. ':' .. lane, ref) == 1 then
    redis.call('HINCRBY', p .. ':lanes', target, 1)
    announce(target, 'first', 'lane:' .. lane)
  end
end

local function finish(id, at)
  redis.call('ZADD', p .. ':final', at, id)
  redis.call('INCRBY', p .. ':finalbytes', redis.call('STRLEN', p .. ':event:' .. id))
end

local function unfinish(id)
  if redis.call('ZREM', p .. ':final', id) == 1 then
    redis.call('DECRBY', p .. ':finalbytes', redis.call('STRLEN', p .. ':event:' .. id))
  end
end

-- The head of a lane is over: the next one's turn, or the lane is.
local function nextInLane(target, lane)
  local key = p .. ':lane:' .. target .. ':' .. lane
  redis.call('LPOP', key)
  if redis.call('EXISTS', key) == 1 then
    announce(target, 'first', 'lane:' .. lane)
  else
    redis.call('HINCRBY', p .. ':lanes', target, -1)
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

local function groupOf(stream)
  local made = redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
  return made.err == nil or string.find(made.err, 'BUSYGROUP') ~= nil
end

-- Routes stand in ARGV from position \`from\`: target, lane, state, one after another.
local function addRoutes(id, now, from)
  local key = p .. ':state:' .. id
  local routes = (#ARGV - from + 1) / 3
  redis.call('HSET', key, 'open', routes)
  for i = from, #ARGV, 3 do addDelivery(id, ARGV[i], '0', ARGV[i + 1], ARGV[i + 2]) end
  if routes == 0 then finish(id, now) end
end
`;

export const SCRIPTS = {
  /**
   * ARGV: hash, id, now, dedupe window in ms, smallest id within the window, stored event, `1` where routes follow, routes.
   * Answers the id of the event that this is a duplicate of, or nil.
   */
  relayEnqueue: `${LIBRARY}
local seen = p .. ':seen:' .. ARGV[1]
local known = redis.call('GET', seen)
if known and known >= ARGV[5] then return known end
local id = ARGV[2]
redis.call('SET', seen, id, 'PX', ARGV[4])
redis.call('SET', p .. ':event:' .. id, ARGV[6])
redis.call('ZADD', p .. ':events', 0, id)
redis.call('INCRBY', p .. ':bytes', #ARGV[6])
if ARGV[7] == '1' then
  addRoutes(id, ARGV[3], 8)
else
  redis.call('ZADD', p .. ':unrouted', 0, id)
end
return false
`,

  /** ARGV: id, now, routes. Answers 1 where this call routed it, 0 where it was routed or removed before. */
  relayRoute: `${LIBRARY}
local id = ARGV[1]
if redis.call('ZREM', p .. ':unrouted', id) == 0 then return 0 end
addRoutes(id, ARGV[2], 3)
return 1
`,

  /**
   * ARGV: target, consumer, now, first tries wanted, retries wanted.
   * Answers the time at which something falls due next (or false), then six values for each claim: kind, entry, lane, reference,
   * stored event, delivery.
   */
  relayClaim: `${LIBRARY}
local target, consumer, now = ARGV[1], ARGV[2], ARGV[3]
local due = p .. ':due:' .. target
local out = { false }
if redis.call('SISMEMBER', p .. ':paused', target) == 1 then return out end
for _, ref in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 256)) do
  redis.call('ZREM', due, ref)
  announce(target, 'retry', ref)
end

local function take(kind, wanted)
  if wanted <= 0 then return end
  local stream = p .. ':' .. kind .. ':' .. target
  local function read()
    return redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', wanted, 'STREAMS', stream, '>')
  end
  local reply = read()
  if reply and reply.err then
    if not string.find(reply.err, 'NOGROUP') then error(reply) end
    groupOf(stream)
    reply = read()
  end
  if not reply or reply.err then return end
  for _, row in ipairs(reply[1][2]) do
    local entry, ref = row[1], row[2][2]
    local lane = ''
    if string.sub(ref, 1, 5) == 'lane:' then
      lane = string.sub(ref, 6)
      ref = redis.call('LINDEX', p .. ':lane:' .. target .. ':' .. lane, 0)
    end
    local id, replay
    if ref then id, replay = string.match(ref, '^(%w+):(%d+)$') end
    local event = id and redis.call('GET', p .. ':event:' .. id)
    local state = id and redis.call('HGET', p .. ':state:' .. id, target .. ':' .. replay)
    if event and state then
      for _, value in ipairs({ kind, entry, lane, ref, event, state }) do out[#out + 1] = value end
    else
      drop(stream, entry)
      if lane ~= '' and ref then nextInLane(target, lane) end
    end
  end
end

take('retry', tonumber(ARGV[5]))
take('first', tonumber(ARGV[4]))
local next = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
if next[2] then out[1] = next[2] end
return out
`,

  /**
   * ARGV: target, kind, entry, consumer, lane, id, replay, outcome (done, dead, retry, released), delivery, now, due at.
   * Answers 1, or 0 where the claim is not this relay's any more: then nothing was changed.
   */
  relaySettle: `${LIBRARY}
local target, kind, entry, consumer, lane = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local id, replay, outcome, now, dueAt = ARGV[6], ARGV[7], ARGV[8], ARGV[10], ARGV[11]
local stream = p .. ':' .. kind .. ':' .. target
if not holds(stream, consumer, entry) then return 0 end
drop(stream, entry)
local key = p .. ':state:' .. id
local ref = id .. ':' .. replay
if redis.call('EXISTS', key) == 0 then
  if lane ~= '' then nextInLane(target, lane) end
  return 1
end
redis.call('HSET', key, target .. ':' .. replay, ARGV[9])
if outcome == 'done' or outcome == 'dead' then
  redis.call('ZREM', p .. ':open:' .. target, ref)
  if outcome == 'dead' then
    redis.call('HINCRBY', key, 'dead', 1)
    redis.call('ZADD', p .. ':dead', 0, id)
    redis.call('ZADD', p .. ':dead:' .. target, 0, id)
  end
  local open = redis.call('HINCRBY', key, 'open', -1)
  if open == 0 and tonumber(redis.call('HGET', key, 'dead') or '0') == 0 then finish(id, now) end
  if lane ~= '' then nextInLane(target, lane) end
else
  local what = lane == '' and ref or ('lane:' .. lane)
  if tonumber(dueAt) <= tonumber(now) then
    announce(target, outcome == 'released' and kind or 'retry', what)
  else
    redis.call('ZADD', p .. ':due:' .. target, dueAt, what)
  end
end
return 1
`,

  /** ARGV: consumer, then stream and entry of each claim. Renews the leases; answers the entries that are lost. */
  relayHeartbeat: `${LIBRARY}
local lost = {}
for i = 2, #ARGV, 2 do
  local stream, entry = p .. ':' .. ARGV[i], ARGV[i + 1]
  if holds(stream, ARGV[1], entry) then
    redis.call('XCLAIM', stream, GROUP, ARGV[1], 0, entry, 'JUSTID')
  else
    lost[#lost + 1] = entry
  end
end
return lost
`,

  /**
   * ARGV: lease in ms, targets. Hands out anew what relays hold that have not renewed their lease; consumers that hold nothing and
   * have been silent for ten leases are forgotten. Answers how many claims were taken from their relays.
   */
  relaySweep: `${LIBRARY}
local taken = 0
for i = 2, #ARGV do
  for _, kind in ipairs({ 'retry', 'first' }) do
    local stream = p .. ':' .. kind .. ':' .. ARGV[i]
    local pending = redis.pcall('XPENDING', stream, GROUP, 'IDLE', ARGV[1], '-', '+', 256)
    if not pending.err then
      for _, row in ipairs(pending) do
        local found = redis.call('XRANGE', stream, row[1], row[1])
        drop(stream, row[1])
        if found[1] then
          announce(ARGV[i], kind, found[1][2][2])
          redis.call('PUBLISH', p .. ':work', ARGV[i])
        end
        taken = taken + 1
      end
      for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, GROUP)) do
        if consumer[4] == 0 and consumer[6] > 10 * tonumber(ARGV[1]) then
          redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer[2])
        end
      end
    end
  end
end
return taken
`,

  /**
   * ARGV: id, then target, lane, state for each. A replay of a target whose last delivery is dead takes that letter off the
   * dead. Answers nil where there is no such event, else 1.
   */
  relayReplay: `${LIBRARY}
local id = ARGV[1]
local key = p .. ':state:' .. id
if not redis.call('ZSCORE', p .. ':events', id) then return false end
local fields = redis.call('HGETALL', key)
local last = {}
for i = 1, #fields, 2 do
  local target, replay = string.match(fields[i], '^(.+):(%d+)$')
  if target and (not last[target] or tonumber(replay) > last[target].replay) then
    last[target] = { replay = tonumber(replay), state = string.sub(fields[i + 1], 1, 1) }
  end
end
unfinish(id)
redis.call('ZREM', p .. ':unrouted', id)
for i = 2, #ARGV, 3 do
  local target = ARGV[i]
  local former = last[target]
  if former and former.state == 'x' then
    redis.call('ZREM', p .. ':dead:' .. target, id)
    if redis.call('HINCRBY', key, 'dead', -1) <= 0 then redis.call('ZREM', p .. ':dead', id) end
  end
  redis.call('HINCRBY', key, 'open', 1)
  addDelivery(id, target, tostring(former and former.replay + 1 or 0), ARGV[i + 1], ARGV[i + 2])
end
return 1
`,

  /**
   * ARGV: id, then, for retention, the index that it must stand in (final or dead) with no delivery open.
   * Answers 1 where it was removed. Stream entries that name it are dropped when they are next read.
   */
  relayRemove: `${LIBRARY}
local id = ARGV[1]
if ARGV[2] then
  if not redis.call('ZSCORE', p .. ':' .. ARGV[2], id) then return 0 end
  if tonumber(redis.call('HGET', p .. ':state:' .. id, 'open') or '0') > 0 then return 0 end
end
if redis.call('ZREM', p .. ':events', id) == 0 then return 0 end
unfinish(id)
redis.call('ZREM', p .. ':unrouted', id)
redis.call('ZREM', p .. ':dead', id)
redis.call('DECRBY', p .. ':bytes', redis.call('STRLEN', p .. ':event:' .. id))
local fields = redis.call('HKEYS', p .. ':state:' .. id)
for _, field in ipairs(fields) do
  local target, replay = string.match(field, '^(.+):(%d+)$')
  if target then
    redis.call('ZREM', p .. ':open:' .. target, id .. ':' .. replay)
    redis.call('ZREM', p .. ':due:' .. target, id .. ':' .. replay)
    redis.call('ZREM', p .. ':dead:' .. target, id)
  end
end
redis.call('DEL', p .. ':event:' .. id, p .. ':state:' .. id)
return 1
`,
} as const;

export type ScriptName = keyof typeof SCRIPTS;
