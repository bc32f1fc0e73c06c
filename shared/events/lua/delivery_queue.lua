-- Deliveries, and the due times of their webhooks. Functions only.
--- constants kept_seconds kept_deliveries

local due, leases, rests, bell = 'webhooks:due', 'webhooks:leases', 'webhooks:rests', 'webhooks:bell'

local function ring()
  if redis.call('LLEN', bell) == 0 then redis.call('RPUSH', bell, 1) end
end

local function after_rest(webhook, at)
  local rest = redis.call('HGET', rests, webhook)
  return rest and math.max(tonumber(at), tonumber(string.match(rest, ' (%d+)'))) or at
end

local function schedule(webhook, id, at)
  redis.call('ZADD', 'pending:' .. webhook, at, id)
  redis.call('EXPIRE', 'pending:' .. webhook, kept_seconds)
  -- During a delivery to this webhook, the next one is due when its lease ends.
  local lease = redis.call('ZSCORE', leases, webhook)
  if not lease or tonumber(lease) <= tonumber(at) then
    redis.call('ZADD', due, 'LT', after_rest(webhook, at), webhook)
    ring()
  end
end

local function drop(webhook, ids)
  for _, id in ipairs(ids) do
    redis.call('DEL', 'delivery:' .. id)
    redis.call('ZREM', 'pending:' .. webhook, id)
    redis.call('ZREM', 'deliveries:' .. webhook, id)
  end
end

local function enqueue(account, webhook, id, kind, data, now)
  local key, list = 'delivery:' .. id, 'deliveries:' .. webhook
  redis.call('HSET', key, 'account', account, 'webhook', webhook, 'type', kind, 'data', data, 'created', now,
    'status', 'pending', 'attempts', 0, 'tries', 0, 'next', now)
  redis.call('EXPIRE', key, kept_seconds)
  redis.call('ZADD', list, now, id)
  redis.call('EXPIRE', list, kept_seconds)
  drop(webhook, redis.call('ZRANGE', list, 0, -(kept_deliveries + 1)))
  drop(webhook, redis.call('ZRANGE', list, '-inf', now - kept_seconds * 1000, 'BYSCORE'))
  schedule(webhook, id, now)
end
