-- A replay takes the place of the last delivery to its target: of the dead letter, or of what is done.

local function supersede(id, former)
  if former and former.state == 'x' then
    redis.call('ZREM', p .. ':dead:' .. former.target, id)
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
