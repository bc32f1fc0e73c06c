-- Replaces the coverage of a window; a window that was erased in the meantime stays erased.
-- KEYS coverage
-- ARGV window text

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
