-- Claims the due deliveries, at most one per webhook. Returns their ids.
-- ARGV now until limit
--- include delivery_queue

local claimed = {}
for _, webhook in ipairs(redis.call('ZRANGE', due, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  local pending = 'pending:' .. webhook
  local first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')
  while first[1] and redis.call('EXISTS', 'delivery:' .. first[1]) == 0 do
    redis.call('ZREM', pending, first[1])
    first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')
  end
  if not first[1] then
    redis.call('ZREM', due, webhook)
    redis.call('ZREM', leases, webhook)
  elseif tonumber(first[2]) > tonumber(ARGV[1]) then
    redis.call('ZADD', due, after_rest(webhook, first[2]), webhook)
  else
    redis.call('ZADD', due, ARGV[2], webhook)
    redis.call('ZADD', leases, ARGV[2], webhook)
    claimed[#claimed + 1] = first[1]
  end
end
return claimed
