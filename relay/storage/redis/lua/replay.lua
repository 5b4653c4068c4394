-- Sends an event again (shared/replays.lua says how).
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  state of new deliveries
-- ARGV[3]  now
-- ARGV[4]  empty: to exactly these targets; `any`: to those of them that it was matched with
-- ... targets, each with the lane of this event there if it was not matched with it (or empty)
-- Answer   the targets, or nil if there is no such event.
-- @include library
-- @include replays

local id, state, now, which = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not redis.call('ZSCORE', p .. ':events', id) then return false end
local event, names = standing(id), {}
for i = 5, #ARGV, 2 do
  local how = { lane = ARGV[i + 1], state = state, now = now }
  if sendAgain(event, ARGV[i], which, how) then names[#names + 1] = ARGV[i] end
end
return names
