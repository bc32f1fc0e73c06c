-- Schedules a delivery again, with all its retries.
-- KEYS delivery
-- ARGV webhook id now
--- include delivery_queue

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', 'pending', 'tries', 0, 'next', ARGV[3])
redis.call('EXPIRE', KEYS[1], kept_seconds)
redis.call('HDEL', rests, ARGV[1])
schedule(ARGV[1], ARGV[2], ARGV[3])
return 1
