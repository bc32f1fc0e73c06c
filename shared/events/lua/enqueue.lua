-- Creates one delivery to one webhook.
-- KEYS erased
-- ARGV account webhook delivery type data now is_awaited
--- include delivery_queue

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
-- A test delivery is sent immediately, without the pause after failures.
redis.call('HDEL', rests, ARGV[2])
enqueue(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
redis.call('HSET', 'delivery:' .. ARGV[3], 'awaited', ARGV[7])
return 1
