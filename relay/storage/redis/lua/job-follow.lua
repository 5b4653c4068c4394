-- Notes which deliveries that a replay job queued for a target have ended.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  target
-- Answer   how many are open, and how many of these were never tried.
-- @include library

local job, target = p .. ':replay:' .. ARGV[1], ARGV[2]
local refs = job .. ':' .. target
local open, untried = 0, 0
local function ended(how, ref)
  redis.call('SREM', refs, ref)
  redis.call('HINCRBY', job, how .. ':' .. target, 1)
end
for _, ref in ipairs(redis.call('SMEMBERS', refs)) do
  local id, replay = string.match(ref, '^(%w+):(%d+)$')
  local state = redis.call('HGET', p .. ':state:' .. id, target .. ':' .. replay)
  local letter = state and string.sub(state, 1, 1)
  if letter == 'd' then
    ended('delivered', ref)
  elseif letter == 'x' then
    ended('failed', ref)
  elseif letter == 'w' or letter == 's' then
    open = open + 1
    if (string.match(state, '"attempts":(%d+)') or '0') == '0' then untried = untried + 1 end
  else
    ended('gone', ref)
  end
end
return { open, untried }
