"""The steps of a delivery in Redis, each one Lua script: whoever is killed, is killed between two of them.

`FAN_OUT` belongs to the script that publishes an event: it makes a delivery to each webhook that wants to be told, so
that an event and its deliveries are there together or not at all. The others are `shared.events.deliveries`'.

`webhooks:{account}` holds for each webhook of an account the version of its row and the types that it wants (``*``:
all but the quiet ones; none while it is disabled). `delivery:{id}` is a delivery, `deliveries:{webhook}` the newest of
them, `pending:{webhook}` those that are not over, by their next try. `webhooks:due` holds the webhooks by that moment;
while somebody delivers to one, by the end of the lease, which `webhooks:leases` holds too. `webhooks:rests` holds how
often in a row a webhook has failed, and until when it is left alone for that. `webhooks:bell` wakes who waits. Times
are epoch milliseconds.
"""

QUIET_TYPES = ("job.progress",)
"""Told only to who asks for them by name: there may be a hundred for one job."""
KEPT_DELIVERIES = 500
"""So many are kept of each webhook, the newest."""
KEPT_SECONDS = 7 * 86_400
"""How long a delivery is kept: longer than it is tried."""
_OUTCOME_SECONDS = 60
_LONGEST_TRY_MS = 30_000
# After a failure nothing is sent there for a second, after each further one twice as long, up to this: who fails
# quickly costs no more than who fails slowly. Short enough for hundreds of deliveries to have all their tries in time.
_LONGEST_REST_MS = 30_000

BELL_KEY = "webhooks:bell"


def webhooks_key(account_id: str) -> str:
    """Where it stands which webhooks an account has, and what they want to be told."""
    return f"webhooks:{account_id}"


def delivery_key(delivery_id: str) -> str:
    """Where a delivery is."""
    return f"delivery:{delivery_id}"


def deliveries_key(webhook_id: str) -> str:
    """Where the deliveries of a webhook are listed."""
    return f"deliveries:{webhook_id}"


def pending_key(webhook_id: str) -> str:
    """Where those deliveries of a webhook are that are not over."""
    return f"pending:{webhook_id}"


def attempted_key(delivery_id: str) -> str:
    """Where it is said that an awaited delivery was tried."""
    return f"attempted:{delivery_id}"


_ENQUEUE = f"""
local due, leases, rests, bell = 'webhooks:due', 'webhooks:leases', 'webhooks:rests', '{BELL_KEY}'

local function ring()
  if redis.call('LLEN', bell) == 0 then redis.call('RPUSH', bell, 1) end
end

local function after_rest(webhook, at)
  local rest = redis.call('HGET', rests, webhook)
  return rest and math.max(tonumber(at), tonumber(string.match(rest, ' (%d+)'))) or at
end

local function schedule(webhook, id, at)
  redis.call('ZADD', 'pending:' .. webhook, at, id)
  redis.call('EXPIRE', 'pending:' .. webhook, {KEPT_SECONDS})
  -- While somebody delivers to it, its turn comes when that is over.
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
  redis.call('EXPIRE', key, {KEPT_SECONDS})
  redis.call('ZADD', list, now, id)
  redis.call('EXPIRE', list, {KEPT_SECONDS})
  drop(webhook, redis.call('ZRANGE', list, 0, -{KEPT_DELIVERIES + 1}))
  drop(webhook, redis.call('ZRANGE', list, '-inf', now - {KEPT_SECONDS * 1000}, 'BYSCORE'))
  schedule(webhook, id, now)
end
"""

_QUIET = ", ".join(f"['{each}'] = true" for each in QUIET_TYPES)

FAN_OUT = f"""{_ENQUEUE}
local quiet = {{{_QUIET}}}

local function fan_out(account, event_id, kind, data, now)
  local wishes = redis.call('HGETALL', 'webhooks:' .. account)
  local moment, number = string.match(event_id, '(%d+)-(%d+)')
  for index = 1, #wishes, 2 do
    local webhook, wish = wishes[index], wishes[index + 1] .. ' '
    if string.find(wish, ' ' .. kind .. ' ', 1, true) or (not quiet[kind] and string.find(wish, ' * ', 1, true)) then
      -- The event's id and the webhook's: no other delivery has both.
      local id = string.format('dlv_%012x%04x%s', moment, number, string.match(webhook, '_(%x+)$'))
      enqueue(account, webhook, id, kind, data, now)
    end
  end
end
"""

# KEYS wishes, the mark of an erased account; ARGV webhook version types. An older version changes nothing.
WISH = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(string.match(known, '^%d+')) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
return 1
"""

# KEYS the mark of an erased account; ARGV account webhook id type data now awaited
ENQUEUE_ONE = f"""{_ENQUEUE}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
-- Somebody wants to see now whether it works.
redis.call('HDEL', rests, ARGV[2])
enqueue(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
redis.call('HSET', 'delivery:' .. ARGV[3], 'awaited', ARGV[7])
return 1
"""

# KEYS delivery; ARGV webhook id now
REPLAY = f"""{_ENQUEUE}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', 'pending', 'tries', 0, 'next', ARGV[3])
redis.call('EXPIRE', KEYS[1], {KEPT_SECONDS})
redis.call('HDEL', rests, ARGV[1])
schedule(ARGV[1], ARGV[2], ARGV[3])
return 1
"""

# ARGV now until limit → the ids of deliveries to make now, each of another webhook
CLAIM = f"""{_ENQUEUE}
local claimed = {{}}
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
"""

# KEYS delivery; ARGV webhook id now, status and next (empty: none) after a try, and of that: moment, code, error,
# milliseconds; only the first three when none was made. What was stopped meanwhile is not tried again; what has
# arrived has arrived.
SETTLE = f"""{_ENQUEUE}
local webhook, id, status, following = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local pending = 'pending:' .. webhook
if status and redis.call('EXISTS', KEYS[1]) == 1 then
  local before = redis.call('HGET', KEYS[1], 'status')
  if status == 'pending' and before ~= 'pending' then status, following = before, '' end
  redis.call('HSET', KEYS[1], 'status', status, 'next', following, 'tried', ARGV[6], 'code', ARGV[7],
    'error', ARGV[8], 'duration', ARGV[9])
  redis.call('HINCRBY', KEYS[1], 'attempts', 1)
  redis.call('HINCRBY', KEYS[1], 'tries', 1)
  if following == '' then redis.call('ZREM', pending, id) else redis.call('ZADD', pending, following, id) end
  if redis.call('HGET', KEYS[1], 'awaited') == '1' then
    redis.call('RPUSH', 'attempted:' .. id, 1)
    redis.call('EXPIRE', 'attempted:' .. id, {_OUTCOME_SECONDS})
  end
  if ARGV[4] == 'delivered' then
    redis.call('HDEL', rests, webhook)
  else
    local failures = tonumber(string.match(redis.call('HGET', rests, webhook) or '0', '%d+')) + 1
    local rest = math.min(1000 * 2 ^ (failures - 1), {_LONGEST_REST_MS})
    redis.call('HSET', rests, webhook, string.format('%d %d', math.min(failures, 20), ARGV[3] + ARGV[9] + rest))
  end
end
redis.call('ZREM', leases, webhook)
local first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')
if not first[1] then
  redis.call('ZREM', due, webhook)
else
  local at = after_rest(webhook, first[2])
  redis.call('ZADD', due, at, webhook)
  -- What came while the receiver took its time is due by now.
  if tonumber(at) <= tonumber(ARGV[3]) + {_LONGEST_TRY_MS} then ring() end
end
"""

# KEYS pending; ARGV error. That the webhook is due is found to be wrong when its turn comes.
STOP = """
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = 'delivery:' .. id
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'status', 'failed', 'error', ARGV[1], 'next', '') end
end
redis.call('DEL', KEYS[1])
"""

# ARGV webhook, then the ids of deliveries; without any: all, and the webhook itself
FORGET = f"""{_ENQUEUE}
if #ARGV > 1 then
  drop(ARGV[1], {{unpack(ARGV, 2)}})
else
  drop(ARGV[1], redis.call('ZRANGE', 'deliveries:' .. ARGV[1], 0, -1))
  redis.call('DEL', 'pending:' .. ARGV[1])
  redis.call('ZREM', due, ARGV[1])
  redis.call('ZREM', leases, ARGV[1])
  redis.call('HDEL', rests, ARGV[1])
end
"""
