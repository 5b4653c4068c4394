-- Sends an event again. A target with a delivery that waits gets that one now, one that is being sent is left
-- alone; a new delivery takes the dead letter before it off the dead.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  state of new deliveries
-- ARGV[3]  now
-- ARGV[4]  empty: to exactly these targets; `any`: to those of them that it was matched with; letters (codec.ts): to
--          those to which its delivery is in one of these states
-- ... targets, each with the lane of this event there if it was not matched with it (or empty)
-- Answer   the targets, or nil if there is no such event.
-- @include library
-- @include replays

local id, state, now, which = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not redis.call('ZSCORE', p .. ':events', id) then return false end
local all, last = deliveriesOf(id)
local open, names, fresh = {}, {}, {}
for _, one in ipairs(all) do
  if one.state == 'w' or one.state == 's' then open[one.target] = one end
end
local lanes = {}
for i = 5, #ARGV, 2 do
  local target = ARGV[i]
  lanes[target] = ARGV[i + 1]
  local one = open[target] or last[target]
  if which == '' or (one and (which == 'any' or string.find(which, one.state, 1, true))) then
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
if isUnrouted(id) then redis.call('HSET', p .. ':state:' .. id, 'unrouted', 1) end
for _, target in ipairs(fresh) do
  local former = last[target]
  supersede(id, former)
  addReplay(id, target, former and former.replay + 1 or 1, former and former.lane or lanes[target], state)
end
return names
