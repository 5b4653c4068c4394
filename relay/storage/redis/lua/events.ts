/** Scripts that store, match, replay and remove events. */
import { LIBRARY } from "./library.ts";

/** A replay takes the place of the last delivery to its target: of the dead letter, or of what is done. */
const REPLAYS = `
local function supersede(id, former)
  if former and former.state == 'x' then
    redis.call('ZREM', p .. ':dead:' .. former.target, id)
    if redis.call('HINCRBY', p .. ':state:' .. id, 'dead', -1) <= 0 then redis.call('ZREM', p .. ':dead', id) end
  elseif former and former.state == 'd' then
    sum('done', -1)
  end
end

local function addReplay(id, target, number, lane, state)
  local key, replay = p .. ':state:' .. id, tostring(number)
  redis.call('HINCRBY', key, 'open', 1)
  redis.call('HSET', key, target .. ':' .. replay, state)
  if lane ~= '' then redis.call('HSET', key, '@' .. target .. ':' .. replay, lane) end
  addDelivery(id, target, replay, lane)
end
`;

/** Routes stand in ARGV from position `from`: target, lane, state, one after another. */
const ROUTES = `
local function addRoutes(id, now, from, size)
  local fields = { 'open', (#ARGV - from + 1) / 3 }
  for i = from, #ARGV, 3 do
    fields[#fields + 1] = ARGV[i] .. ':0'
    fields[#fields + 1] = ARGV[i + 2]
    if ARGV[i + 1] ~= '' then
      fields[#fields + 1] = '@' .. ARGV[i] .. ':0'
      fields[#fields + 1] = ARGV[i + 1]
    end
  end
  redis.call('HSET', p .. ':state:' .. id, unpack(fields))
  for i = from, #ARGV, 3 do addDelivery(id, ARGV[i], '0', ARGV[i + 1]) end
  if #ARGV < from then finish(id, now, size) end
end
`;

export const EVENT_SCRIPTS = {
  /**
   * ARGV: hash, id, now, dedupe window in ms, beginning of the smallest id within the window, hash of the former key or empty, `1`
   * where routes follow, routes. The stored event was
   * set right before, for a while only: from here on it lasts. Answers the id of the event that this is a duplicate of, or nil.
   * (Of a duplicate, too, something is written: who waits for the sync of this connection's last write then waits for the first
   * one's.)
   */
  relayEnqueue: `${LIBRARY}${ROUTES}
local id = ARGV[2]
local seen, event = p .. ':seen:' .. ARGV[1], p .. ':event:' .. id
local known, hash = redis.call('GET', seen), ARGV[1]
if not (known and known >= ARGV[5]) and ARGV[6] ~= '' then
  known, hash = redis.call('GET', p .. ':seen:' .. ARGV[6]), ARGV[6]
end
if known and known >= ARGV[5] then
  redis.call('DEL', event)
  return known .. hash
end
local size = redis.call('STRLEN', event)
if size == 0 then return redis.error_reply('ERR the event is gone before it was stored') end
redis.call('SET', seen, string.sub(id, 1, -1 - #ARGV[1]), 'PX', ARGV[4])
redis.call('PERSIST', event)
redis.call('ZADD', p .. ':events', 0, id)
sum('bytes', size)
if ARGV[7] == '1' then
  addRoutes(id, ARGV[3], 8, size)
else
  redis.call('ZADD', p .. ':unrouted', 0, id)
end
return false
`,

  /** ARGV: id, now, routes. Answers 1 where this call routed it, 0 where it was routed or removed before. */
  relayRoute: `${LIBRARY}${ROUTES}
local id = ARGV[1]
if redis.call('ZREM', p .. ':unrouted', id) == 0 then return 0 end
addRoutes(id, ARGV[2], 3, redis.call('STRLEN', p .. ':event:' .. id))
return 1
`,

  /**
   * ARGV: id, state of new deliveries, now, which, targets. Which: empty: to exactly these targets; `any`: to those of them that it
   * was matched with; a letter (codec.ts): to those to which its delivery is in that state. A target with a delivery that waits
   * gets that one now, one that is being sent is left alone; a new delivery takes the dead letter before it off the dead.
   * Answers the targets, or nil if there is no such event.
   */
  relayReplay: `${LIBRARY}${REPLAYS}
local id, state, now, which = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not redis.call('ZSCORE', p .. ':events', id) then return false end
local all, last = deliveriesOf(id)
local open, names, fresh = {}, {}, {}
for _, one in ipairs(all) do
  if one.state == 'w' or one.state == 's' then open[one.target] = one end
end
for i = 5, #ARGV do
  local target = ARGV[i]
  local one = open[target] or last[target]
  if which == '' or (one and (which == 'any' or one.state == which)) then
    names[#names + 1] = target
    if open[target] then
      hasten(id, open[target], now)
    else
      fresh[#fresh + 1] = target
    end
  end
end
if #fresh == 0 then return names end
unfinish(id)
redis.call('ZREM', p .. ':unrouted', id)
for _, target in ipairs(fresh) do
  local former = last[target]
  supersede(id, former)
  addReplay(id, target, former and former.replay + 1 or 1, former and former.lane or '', state)
end
return names
`,

  /**
   * ARGV: id, target, replay, its state letter, its attempts, its state from now on (dead or moved), now, another target or empty,
   * state of a new delivery. Ends a delivery that waits or is dead, as its target no longer exists, and makes one to the other
   * target in its place, unless that has one open. Answers 1, or 0 if it is not in that state any more.
   */
  relayRetire: `${LIBRARY}${REPLAYS}
local id, target, replay, letter, now, to = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[7], ARGV[8]
local key, field, ref = p .. ':state:' .. id, ARGV[2] .. ':' .. ARGV[3], ARGV[1] .. ':' .. ARGV[3]
local state = redis.call('HGET', key, field)
if not state or string.sub(state, 1, 1) ~= letter then return 0 end
if (string.match(state, '"attempts":(%d+)') or '0') ~= ARGV[5] then return 0 end
local all, last = deliveriesOf(id)
local lane = redis.call('HGET', key, '@' .. field) or ''
redis.call('HSET', key, field, ARGV[6])
if letter == 'w' then
  redis.call('ZREM', p .. ':open:' .. target, ref)
  redis.call('HINCRBY', key, 'open', -1)
  if lane == '' then
    redis.call('ZREM', p .. ':due:' .. target, ref)
  else
    leaveLane(target, lane, ref)
  end
elseif last[target].replay == tonumber(replay) then
  redis.call('ZREM', p .. ':dead:' .. target, id)
  if redis.call('HINCRBY', key, 'dead', -1) <= 0 then redis.call('ZREM', p .. ':dead', id) end
end
if string.sub(ARGV[6], 1, 1) == 'x' then
  redis.call('HINCRBY', key, 'dead', 1)
  redis.call('ZADD', p .. ':dead', 0, id)
  redis.call('ZADD', p .. ':dead:' .. target, 0, id)
end
local former = to ~= '' and last[to]
local isOpen = false
for _, one in ipairs(all) do
  if one.target == to and (one.state == 'w' or one.state == 's') then isOpen = true end
end
if to ~= '' and not isOpen then
  unfinish(id)
  supersede(id, former)
  addReplay(id, to, former and former.replay + 1 or 1, former and former.lane or lane, ARGV[9])
end
forgetTarget(target)
local open = tonumber(redis.call('HGET', key, 'open') or '0')
if open == 0 and tonumber(redis.call('HGET', key, 'dead') or '0') <= 0 and not redis.call('ZSCORE', p .. ':final', id) then
  finish(id, now, redis.call('STRLEN', p .. ':event:' .. id))
end
return 1
`,

  /**
   * ARGV: id, then, for retention, the index that it must stand in (final or dead) with no delivery open.
   * Answers 1 where it was removed. Stream entries that name it are dropped when they are next read, or given up by who holds them.
   */
  relayRemove: `${LIBRARY}
local id = ARGV[1]
local key = p .. ':state:' .. id
if ARGV[2] then
  if not redis.call('ZSCORE', p .. ':' .. ARGV[2], id) then return 0 end
  if tonumber(redis.call('HGET', key, 'open') or '0') > 0 then return 0 end
end
if redis.call('ZREM', p .. ':events', id) == 0 then return 0 end
unfinish(id)
redis.call('ZREM', p .. ':unrouted', id)
redis.call('ZREM', p .. ':dead', id)
sum('bytes', -redis.call('STRLEN', p .. ':event:' .. id))
local all, last = deliveriesOf(id)
redis.call('DEL', p .. ':event:' .. id, key)
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
  redis.call('ZREM', p .. ':dead:' .. target, id)
  forgetTarget(target)
end
return 1
`,
} as const;
