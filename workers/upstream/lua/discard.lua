-- Deletes a token that is still the one that is stored. Returns 1 when it was.
-- KEYS token
-- ARGV sealed

return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
