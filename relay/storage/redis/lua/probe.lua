-- Writes and takes it back: fails for the same reasons as storing an event would.
-- KEYS[1]  the prefix of every key
-- Answer   1.

redis.call('SET', KEYS[1] .. ':probe', '1')
redis.call('DEL', KEYS[1] .. ':probe')
return 1
