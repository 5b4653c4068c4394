-- Queues the next deliveries of a replay job for a target and moves its cursor.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  target
-- ARGV[3]  holder of the lease
-- ARGV[4]  the cursor as it was read, or empty
-- ARGV[5]  the cursor from now on, or empty
-- ARGV[6]  1 if nothing is left to queue, else 0
-- ARGV[7]  now
-- ARGV[8]  state of new deliveries
-- ARGV[9]  which deliveries: as in shared/replays.lua
-- ... events, each with its lane if it was not matched with the target (or empty)
-- Answer   the events that were queued; nil, and nothing was changed, if the job is not running, the cursor is not as it was read, or
--          the lease is another relay's.
-- @include library
-- @include replays

local job, target, which = p .. ':replay:' .. ARGV[1], ARGV[2], ARGV[9]
if redis.call('GET', p .. ':replays:lease') ~= ARGV[3] then return false end
if redis.call('HGET', job, 'state') ~= 'running' then return false end
if (redis.call('HGET', job, 'cursor:' .. target) or '') ~= ARGV[4] then return false end
local queued, missed = {}, 0
for i = 10, #ARGV, 2 do
  local id = ARGV[i]
  if redis.call('ZSCORE', p .. ':events', id) then
    local replay = sendAgain(standing(id), target, which, { lane = ARGV[i + 1], state = ARGV[8], now = ARGV[7] })
    if replay then
      queued[#queued + 1] = id
      redis.call('SADD', job .. ':' .. target, id .. ':' .. replay)
    end
  else
    missed = missed + 1
  end
end
redis.call('HINCRBY', job, 'queued:' .. target, #queued)
redis.call('HINCRBY', job, 'missed:' .. target, missed)
if ARGV[5] ~= '' then redis.call('HSET', job, 'cursor:' .. target, ARGV[5]) end
if ARGV[6] == '1' then redis.call('HSET', job, 'scanned:' .. target, 1) end
return queued
