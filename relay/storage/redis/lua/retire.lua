-- Ends a delivery that waits or is dead, as its target no longer exists, and makes one to another target in its
-- place, unless that has one open.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  target
-- ARGV[3]  replay
-- ARGV[4]  the letter of its state
-- ARGV[5]  its attempts
-- ARGV[6]  its state from now on (dead or moved)
-- ARGV[7]  now
-- ARGV[8]  another target, or empty
-- ARGV[9]  state of a new delivery
-- ARGV[10] its lane, unless an earlier delivery to that target has one
-- Answer   1, or 0 if it is not in that state any more.
-- @include library
-- @include replays

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
  removeDead(id, target, state)
  if redis.call('HINCRBY', key, 'dead', -1) <= 0 then redis.call('ZREM', p .. ':dead', id) end
end
if string.sub(ARGV[6], 1, 1) == 'x' then
  redis.call('HINCRBY', key, 'dead', 1)
  addDead(id, target, ARGV[6])
end
local former = to ~= '' and last[to]
local isOpen = false
for _, one in ipairs(all) do
  if one.target == to and (one.state == 'w' or one.state == 's') then isOpen = true end
end
if to ~= '' and not isOpen then
  unfinish(id)
  supersede(id, former)
  addReplay(id, to, former and former.replay + 1 or 1, former and former.lane or ARGV[10], ARGV[9])
end
forgetTarget(target)
finishIfOver(id, now)
return 1
