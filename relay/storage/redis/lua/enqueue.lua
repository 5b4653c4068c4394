-- Stores events, in their order. Each is new, a duplicate, or refused, whatever becomes of the others.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  now
-- ARGV[2]  dedupe window, ms
-- ARGV[3]  beginning of the smallest id within the window
-- ... of each event:
--          id
--          its bytes; or empty: they were set right before, for a while only, and last from here on
--          hash of the dedupe key of an earlier version, or empty
--          numbers of the ids that GitLab gave it, one after another
--          kind to count it by (kinds.ts), or empty
--          of an event of a pair, the number of its pair key in gitlab-ids and how many members its sender has seen there; or empty
--          how many routes follow; -1 if it is not matched with targets yet
--          ... routes: target, lane, state of each
-- Answer   for each event nil; or "changed" if there are other members by now, and nothing is stored; or the id of the event that this
--          one is a duplicate of. A duplicate is written, too, so that who waits for the sync of this connection's last write waits
--          for the first one's.
-- @include library

local HASH_LENGTH = 14
local now, window, oldest = ARGV[1], ARGV[2], ARGV[3]

-- What all events of this call put into keys that they share: written once, at the end.
local ids, unrouted, numbers, final = {}, {}, {}, {}
local bytes, finalBytes, firstCounted = 0, 0, nil
local kinds, numbersAdded = {}, {}
local targets, targetNames = {}, {}

local function add(members, score, member)
  members[#members + 1] = score
  members[#members + 1] = member
end

local function zadd(key, members)
  if #members > 0 then redis.call('ZADD', p .. ':' .. key, unpack(members)) end
end

-- The id of the event that this hash is remembered for, or nil.
local function remembered(hash)
  local order = redis.call('GET', p .. ':seen:' .. hash)
  return order and order >= oldest and order .. hash or nil
end

local function repeated(first)
  if redis.call('EXISTS', p .. ':event:' .. first) == 1 then
    local duplicates = p .. ':duplicates:' .. first
    redis.call('HINCRBY', duplicates, 'count', 1)
    redis.call('HSET', duplicates, 'at', now)
  else
    local hash = string.sub(first, -HASH_LENGTH)
    redis.call('SET', p .. ':seen:' .. hash, string.sub(first, 1, -1 - HASH_LENGTH), 'KEEPTTL')
  end
  return first
end

-- Whether other members of the pair were stored since its sender looked.
local function hasChanged(pair)
  local number = string.sub(pair, 1, NUMBER_LENGTH)
  local stored = redis.call('ZLEXCOUNT', p .. ':gitlab-ids', '[' .. number, '(' .. number .. '~')
  return stored + (numbersAdded[number] or 0) ~= tonumber(string.sub(pair, NUMBER_LENGTH + 1))
end

local function addNumbers(id, all)
  for at = 1, #all, NUMBER_LENGTH do
    local number = string.sub(all, at, at + NUMBER_LENGTH - 1)
    numbersAdded[number] = (numbersAdded[number] or 0) + 1
    add(numbers, 0, number .. id)
  end
end

-- Adds a delivery to its target; `fields` are those of the event's hash.
local function addRoute(id, fields, target, lane, state)
  local one = targets[target]
  if not one then
    one = { open = {}, entries = {}, lanes = 0 }
    targets[target] = one
    targetNames[#targetNames + 1] = target
  end
  local ref = id .. ':0'
  add(fields, target .. ':0', state)
  add(one.open, 0, ref)
  if lane == '' then
    one.entries[#one.entries + 1] = ref
    return
  end
  add(fields, '@' .. target .. ':0', lane)
  if redis.call('RPUSH', p .. ':lane:' .. target .. ':' .. lane, ref) == 1 then
    one.lanes = one.lanes + 1
    one.entries[#one.entries + 1] = 'lane:' .. lane
  end
end

-- Stores the event whose arguments begin at `at`; `routes` is how many it has.
local function store(at, routes)
  local id, body, former, pair = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 5]
  local hash, event = string.sub(id, -HASH_LENGTH), p .. ':event:' .. id
  local first = remembered(hash) or former ~= '' and remembered(former)
  local isChanged = not first and pair ~= '' and hasChanged(pair)
  if first or isChanged then
    if body == '' then redis.call('DEL', event) end
    return first and repeated(first) or 'changed'
  end
  local size = #body
  if size == 0 then
    size = redis.call('STRLEN', event)
    if size == 0 then return redis.error_reply('ERR the event is gone before it was stored') end
    redis.call('PERSIST', event)
  else
    redis.call('SET', event, body)
  end
  redis.call('SET', p .. ':seen:' .. hash, string.sub(id, 1, -1 - HASH_LENGTH), 'PX', window)
  bytes = bytes + size
  add(ids, 0, id)
  addNumbers(id, ARGV[at + 3])
  local kind = ARGV[at + 4]
  if kind ~= '' then
    kinds[kind] = (kinds[kind] or 0) + 1
    firstCounted = firstCounted or id
  end
  local fields = {}
  if ARGV[at + 3] ~= '' then add(fields, 'ids', ARGV[at + 3]) end
  if routes < 0 then
    add(unrouted, 0, id)
  else
    add(fields, 'open', routes)
    for i = at + 7, at + 4 + 3 * routes, 3 do addRoute(id, fields, ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
  end
  if #fields > 0 then redis.call('HSET', p .. ':state:' .. id, unpack(fields)) end
  if routes == 0 then
    -- It goes nowhere and has just come: nothing can stand against its being over.
    add(final, now, id)
    finalBytes = finalBytes + size
  end
  return false
end

local answers, at = {}, 4
while at < #ARGV do
  local routes = tonumber(ARGV[at + 6])
  answers[#answers + 1] = store(at, routes)
  at = at + 7 + 3 * math.max(routes, 0)
end
if #ids == 0 then return answers end
zadd('events', ids)
zadd('gitlab-ids', numbers)
zadd('unrouted', unrouted)
zadd('final', final)
sum('bytes', bytes)
if finalBytes > 0 then sum('finalbytes', finalBytes) end
if firstCounted then addKinds(kinds, firstCounted, #ids / 2) end
for _, target in ipairs(targetNames) do
  local one = targets[target]
  redis.call('SADD', p .. ':targets', target)
  zadd('open:' .. target, one.open)
  if one.lanes > 0 then sum('lanes:' .. target, one.lanes) end
  announceAll(target, 'first', one.entries)
end
return answers
