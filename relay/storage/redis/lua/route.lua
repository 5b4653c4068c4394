-- Gives an event its routes.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  id
-- ARGV[2]  now
-- ... routes: target, lane, state of each
-- Answer   1 if this call routed it, 0 if it was routed or removed before.
-- @include library
-- @include routes

local id = ARGV[1]
if redis.call('ZREM', p .. ':unrouted', id) == 0 then return 0 end
redis.call('HDEL', p .. ':state:' .. id, 'unrouted')
local _, last = deliveriesOf(id)
addRoutes(id, ARGV[2], 3, last)
return 1
