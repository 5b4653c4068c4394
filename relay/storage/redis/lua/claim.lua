-- Hands out deliveries.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  target
-- ARGV[2]  consumer
-- ARGV[3]  now
-- ARGV[4]  first attempts wanted
-- ARGV[5]  retries wanted
-- ARGV[6]  bytes after which no more are taken
-- ARGV[7]  latest due time that the target allows: what a clock that was set put later comes due then
-- Answer   the time at which something falls due next (or false), then six values for each claim: kind, entry, lane,
--          reference, stored event, delivery.
-- @include library

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
