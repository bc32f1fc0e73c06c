-- Deletes the stored token if it equals this one. Returns 1 when it did.
-- KEYS token
-- ARGV sealed

return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
