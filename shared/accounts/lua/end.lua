-- Replaces the value held for a key. Does nothing when another request has taken the key over.
-- KEYS today
-- ARGV key held value

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
