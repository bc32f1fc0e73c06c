-- Erases these deliveries; without any, all deliveries and the webhook itself.
-- ARGV webhook delivery...
--- include delivery_queue

if #ARGV > 1 then
  drop(ARGV[1], {unpack(ARGV, 2)})
else
  drop(ARGV[1], redis.call('ZRANGE', 'deliveries:' .. ARGV[1], 0, -1))
  redis.call('DEL', 'pending:' .. ARGV[1])
  redis.call('ZREM', due, ARGV[1])
  redis.call('ZREM', leases, ARGV[1])
  redis.call('HDEL', rests, ARGV[1])
end
