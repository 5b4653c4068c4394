-- Takes claims away from relays that stopped answering.
-- KEYS[1]  the prefix of every key
-- ARGV[1]  milliseconds after which a claim that was not renewed is taken away
-- ARGV[2]  milliseconds after which a silent consumer that holds nothing is forgotten
-- ... targets; those with something open are added
-- Answer   how many claims were taken.
-- @include library

local taken, names = 0, {}
for i = 3, #ARGV do names[ARGV[i]] = true end
for _, target in ipairs(redis.call('SMEMBERS', p .. ':targets')) do names[target] = true end
for target in pairs(names) do
  for _, kind in ipairs({ 'retry', 'first' }) do
    local stream = p .. ':' .. kind .. ':' .. target
    local pending = redis.pcall('XPENDING', stream, GROUP, 'IDLE', ARGV[1], '-', '+', 256)
    if not pending.err then
      for _, row in ipairs(pending) do giveBack(target, stream, row[1]) end
      taken = taken + #pending
      for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, GROUP)) do
        if consumer[4] == 0 and consumer[6] > tonumber(ARGV[2]) then
          redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer[2])
        end
      end
    end
  end
end
return taken
