-- Renews leases. A claim of an event that was removed is given up here, and its lane goes on.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  consumer
-- ... target, kind, entry, lane, reference of each claim
-- Answer   the positions (from 0) of the claims that are lost.
-- @include library

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
