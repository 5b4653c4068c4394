-- Renews or ends a lease, if it still is this holder's.
-- KEYS[1]  the lease
-- ARGV[1]  holder
-- ARGV[2]  milliseconds for which it holds from now on; 0 ends it
-- Answer   1; 0 if another holder has it, or none.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('DEL', KEYS[1])
