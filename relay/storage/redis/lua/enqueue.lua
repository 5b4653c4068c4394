-- Stores an event whose bytes were set right before, for a while only: from here on they last.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  hash of the dedupe key
-- ARGV[2]  id
-- ARGV[3]  now
-- ARGV[4]  dedupe window, ms
-- ARGV[5]  beginning of the smallest id within the window
-- ARGV[6]  hash of the dedupe key of an earlier version, or empty
-- ARGV[7]  numbers of the ids that GitLab gave it, one after another
-- ARGV[8]  kind to count it by (kinds.ts), or empty
-- ARGV[9]  of an event of a pair, the number of its pair key in gitlab-ids and how many members its sender has seen there; or empty
-- ARGV[10] 1 if routes follow, else 0
-- ... routes: target, lane, state of each
-- Answer   nil; or "changed" if there are other members by now, and nothing is stored; or the id of the event that this one is a duplicate
--          of. A duplicate is written, too, so that who
--          waits for the sync of this connection's last write waits for the first one's.
-- @include library
-- @include routes

local id = ARGV[2]
local seen, event = p .. ':seen:' .. ARGV[1], p .. ':event:' .. id
local known, hash = redis.call('GET', seen), ARGV[1]
if not (known and known >= ARGV[5]) and ARGV[6] ~= '' then
  known, hash = redis.call('GET', p .. ':seen:' .. ARGV[6]), ARGV[6]
end
if known and known >= ARGV[5] then
  redis.call('DEL', event)
  local first = known .. hash
  if redis.call('EXISTS', p .. ':event:' .. first) == 1 then
    local duplicates = p .. ':duplicates:' .. first
    redis.call('HINCRBY', duplicates, 'count', 1)
    redis.call('HSET', duplicates, 'at', ARGV[3])
  end
  return first
end
if ARGV[9] ~= '' then
  local number = string.sub(ARGV[9], 1, NUMBER_LENGTH)
  local stored = redis.call('ZLEXCOUNT', p .. ':gitlab-ids', '[' .. number, '(' .. number .. '~')
  if stored ~= tonumber(string.sub(ARGV[9], NUMBER_LENGTH + 1)) then
    redis.call('DEL', event)
    return 'changed'
  end
end
local size = redis.call('STRLEN', event)
if size == 0 then return redis.error_reply('ERR the event is gone before it was stored') end
redis.call('SET', seen, string.sub(id, 1, -1 - #ARGV[1]), 'PX', ARGV[4])
redis.call('PERSIST', event)
redis.call('ZADD', p .. ':events', 0, id)
sum('bytes', size)
indexIds(id, ARGV[7], false)
if ARGV[8] ~= '' then addKind(id, ARGV[8]) end
if ARGV[10] == '1' and #ARGV == 10 then
  -- It goes nowhere and has just come: nothing can stand against its being over.
  redis.call('HSET', p .. ':state:' .. id, 'open', 0)
  finish(id, ARGV[3], size)
elseif ARGV[10] == '1' then
  addRoutes(id, ARGV[3], 11, {})
else
  redis.call('ZADD', p .. ':unrouted', 0, id)
end
return false
