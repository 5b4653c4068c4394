-- Gives back whatever this relay holds of the targets and forgets it as a consumer.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  consumer
-- ... targets
-- Answer   how much that was.
-- @include library

local given = 0
for i = 2, #ARGV do
  for _, kind in ipairs({ 'retry', 'first' }) do
    local stream = p .. ':' .. kind .. ':' .. ARGV[i]
    local pending = redis.pcall('XPENDING', stream, GROUP, '-', '+', 10000, ARGV[1])
    if not pending.err then
      for _, row in ipairs(pending) do giveBack(ARGV[i], stream, row[1]) end
      given = given + #pending
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, ARGV[1])
    end
  end
end
return given
