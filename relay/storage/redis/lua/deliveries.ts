/** Scripts that hand out deliveries, take their outcomes, and keep or end the leases on them. */
import { LIBRARY } from "./library.ts";

export const DELIVERY_SCRIPTS = {
  /**
   * ARGV: target, consumer, now, first tries wanted, retries wanted, bytes after which no more are taken, latest due time that the
   * target allows: what a clock that was set put later comes due then.
   * Answers the time at which something falls due next (or false), then six values for each claim: kind, entry, lane, reference,
   * stored event, delivery.
   */
  relayClaim: `${LIBRARY}
local target, consumer, now, room = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[6])
local due = p .. ':due:' .. target
local out = { false }
if redis.call('SISMEMBER', p .. ':paused', target) == 1 then return out end
for _, what in ipairs(redis.call('ZREVRANGEBYSCORE', due, '+inf', '(' .. ARGV[7], 'LIMIT', 0, 256)) do
  redis.call('ZADD', due, ARGV[7], what)
end
for _, what in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 256)) do
  redis.call('ZREM', due, what)
  announce(target, 'retry', what)
end

local function read(stream, count)
  local function ask()
    return redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', count, 'STREAMS', stream, '>')
  end
  local reply = ask()
  if reply and reply.err and string.find(reply.err, 'NOGROUP') then
    redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    reply = ask()
  end
  if reply and reply.err then return error(reply) end
  return reply and reply[1][2] or {}
end

-- Whether this delivery may go: it still waits, and its event is there.
local function give(kind, entry, lane, ref)
  local id, replay = string.match(ref, '^(%w+):(%d+)$')
  local key, field = p .. ':state:' .. id, target .. ':' .. replay
  local state = redis.call('HGET', key, field)
  local letter = state and string.sub(state, 1, 1)
  if letter ~= 'w' and letter ~= 's' then return false end
  local event = redis.call('GET', p .. ':event:' .. id)
  if not event then return false end
  if letter == 'w' then redis.call('HSET', key, field, 's' .. string.sub(state, 2)) end
  room = room - #event
  for _, value in ipairs({ kind, entry, lane, ref, event, state }) do out[#out + 1] = value end
  return true
end

-- The head of the lane; heads whose events were removed are skipped.
local function giveHead(kind, stream, entry, lane)
  local key = p .. ':lane:' .. target .. ':' .. lane
  local ref = redis.call('LINDEX', key, 0)
  if ref and give(kind, entry, lane, ref) then return true end
  drop(stream, entry)
  if not ref then return false end
  repeat
    redis.call('LPOP', key)
    ref = redis.call('LINDEX', key, 0)
  until not ref or redis.call('EXISTS', p .. ':event:' .. string.match(ref, '^%w+')) == 1
  if ref then announce(target, 'first', 'lane:' .. lane) else sum('lanes:' .. target, -1) end
  return false
end

local function take(kind, wanted)
  local stream = p .. ':' .. kind .. ':' .. target
  while wanted > 0 and room > 0 do
    local rows = read(stream, math.min(wanted, 4))
    if #rows == 0 then return end
    for _, row in ipairs(rows) do
      local entry, what = row[1], row[2][2]
      local given
      if string.sub(what, 1, 5) == 'lane:' then
        given = giveHead(kind, stream, entry, string.sub(what, 6))
      else
        given = give(kind, entry, '', what)
        if not given then drop(stream, entry) end
      end
      if given then wanted = wanted - 1 end
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
   * Answers 1; 2 where it was settled just so before, by this very call whose answer was lost; 0 where the claim is not this
   * relay's any more: then nothing was changed.
   */
  relaySettle: `${LIBRARY}
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
  local dead = tonumber(redis.call('HGET', key, 'dead') or '0')
  if last and outcome == 'done' then
    sum('done', 1)
  elseif last then
    dead = redis.call('HINCRBY', key, 'dead', 1)
    redis.call('ZADD', p .. ':dead', 0, id)
    redis.call('ZADD', p .. ':dead:' .. target, 0, id)
  end
  forgetTarget(target)
  if redis.call('HINCRBY', key, 'open', -1) == 0 and dead == 0 then
    finish(id, now, redis.call('STRLEN', p .. ':event:' .. id))
  end
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
`,

  /**
   * ARGV: consumer, then target, kind, entry, lane, reference of each claim. Renews the leases; answers the positions (from 0) of
   * the claims that are lost. A claim of an event that was removed is given up here, and its lane goes on.
   */
  relayHeartbeat: `${LIBRARY}
local lost = {}
for i = 2, #ARGV, 5 do
  local target, entry, lane, ref = ARGV[i], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local stream = p .. ':' .. ARGV[i + 1] .. ':' .. target
  if not holds(stream, ARGV[1], entry) then
    lost[#lost + 1] = (i - 2) / 5
  elseif redis.call('EXISTS', p .. ':event:' .. string.match(ref, '^%w+')) == 0 then
    drop(stream, entry)
    if lane ~= '' then nextInLane(target, lane, ref) end
    lost[#lost + 1] = (i - 2) / 5
  else
    redis.call('XCLAIM', stream, GROUP, ARGV[1], 0, entry, 'JUSTID')
  end
end
return lost
`,

  /**
   * ARGV: milliseconds after which a claim that was not renewed is taken away, milliseconds after which a silent consumer that
   * holds nothing is forgotten, targets (those with something open are added). Answers how many claims were taken.
   */
  relaySweep: `${LIBRARY}
local taken, names = 0, {}
for i = 3, #ARGV do names[ARGV[i]] = true end
for _, target in ipairs(redis.call('SMEMBERS', p .. ':targets')) do names[target] = true end
for target in pairs(names) do
  for _, kind in ipairs({ 'retry', 'first' }) do
    local stream = p .. ':' .. kind .. ':' .. target
    local pending = redis.pcall('XPENDING', stream, GROUP, 'IDLE', ARGV[1], '-', '+', 256)
    if not pending.err then
      for _, row in ipairs(pending) do giveBack(target, stream, row[1]) end
      taken = taken + #pending
      for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, GROUP)) do
        if consumer[4] == 0 and consumer[6] > tonumber(ARGV[2]) then
          redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer[2])
        end
      end
    end
  end
end
return taken
`,

  /** ARGV: target, 1 to pause it or 0 to let it go on. */
  relayPause: `${LIBRARY}
if ARGV[2] == '1' then
  redis.call('SADD', p .. ':paused', ARGV[1])
else
  redis.call('SREM', p .. ':paused', ARGV[1])
  redis.call('PUBLISH', p .. ':work', ARGV[1])
end
return 1
`,

  /** ARGV: consumer, targets. Gives back whatever this relay holds of them and forgets it as a consumer; answers how much that was. */
  relayRelease: `${LIBRARY}
local given = 0
for i = 2, #ARGV do
  for _, kind in ipairs({ 'retry', 'first' }) do
    local stream = p .. ':' .. kind .. ':' .. ARGV[i]
    local pending = redis.pcall('XPENDING', stream, GROUP, '-', '+', 10000, ARGV[1])
    if not pending.err then
      for _, row in ipairs(pending) do giveBack(ARGV[i], stream, row[1]) end
      given = given + #pending
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, ARGV[1])
    end
  end
end
return given
`,
} as const;
