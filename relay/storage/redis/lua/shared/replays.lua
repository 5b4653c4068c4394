-- A replay takes the place of the last delivery to its target: of the dead letter, or of what is done.

local function supersede(id, former)
  if former and former.state == 'x' then
    removeDead(id, former.target, former.value)
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

-- What stands of an event that is there: its id, the open delivery of each target, and the last one of each.
local function standing(id)
  local all, last = deliveriesOf(id)
  local open = {}
  for _, one in ipairs(all) do
    if one.state == 'w' or one.state == 's' then open[one.target] = one end
  end
  return { id = id, open = open, last = last }
end

-- Sends an event again to one target. A delivery that waits is sent now instead, one that is being sent is left alone; a new
-- delivery takes the dead letter before it off the dead.
-- `which`: empty: whatever became of it; `any`: if it was matched with the target; letters (codec.ts): if its delivery is in one of
-- these states. `how`: lane (if it was not matched with the target), state of a new delivery, now.
-- Answers the number of the replay that is open now, or nil if it is not sent.
local function sendAgain(event, target, which, how)
  local id, open, former = event.id, event.open[target], event.last[target]
  local one = open or former
  if which ~= '' and not (one and (which == 'any' or string.find(which, one.state, 1, true))) then return nil end
  if open then
    hasten(id, open, how.now)
    return open.replay
  end
  unfinish(id)
  if isUnrouted(id) then redis.call('HSET', p .. ':state:' .. id, 'unrouted', 1) end
  supersede(id, former)
  local number = former and former.replay + 1 or 1
  addReplay(id, target, number, former and former.lane or how.lane, how.state)
  return number
end
