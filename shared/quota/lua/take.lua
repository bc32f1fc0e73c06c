-- Takes a slot. Returns {1, time of the slot, now, server}, else {0, time of the next try, now, server}.
-- KEYS slots bulk unsent closed waiting circuit server known margin
-- ARGV name who is_bulk server_known per_second per_hour bulk_per_hour margin_seconds
-- ARGV hour spread ahead tolerance horizon stand_back kept lost_seconds probe_seconds

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local name, who, bulk, server_known = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4]
local per_second, per_hour, bulk_per_hour = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local margin = math.max(tonumber(ARGV[8]), tonumber(redis.call('GET', KEYS[9]) or 0))
local hour, spread = tonumber(ARGV[9]), tonumber(ARGV[10])
local ahead, tolerance = tonumber(ARGV[11]), tonumber(ARGV[12])
local horizon, stand_back = tonumber(ARGV[13]), tonumber(ARGV[14])
local kept, lost_seconds, probe_seconds = tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17])
local function text(moment) return string.format('%.6f', moment) end
local function take(key, moment, member)
  redis.call('ZADD', key, text(moment), member)
  redis.call('EXPIRE', key, kept)
end

-- A different or restarted server may have lost the newest slots: they all count as taken just now.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
local server_noted = redis.call('GET', KEYS[7])
if server ~= server_noted then
  redis.call('SET', KEYS[7], server, 'EX', kept)
  if server_noted or (server_known ~= '' and server_known ~= server) then
    for number = 1, per_second * lost_seconds do take(KEYS[1], now, 'lost-' .. who .. number) end
  end
end

local function after(key, rank, seconds)
  local slot = redis.call('ZRANGE', key, -rank, -rank, 'WITHSCORES')
  return slot[2] and tonumber(slot[2]) + seconds or 0
end
local moment = math.max(
  now,
  after(KEYS[1], per_second, 1 + margin),
  after(KEYS[1], per_hour, hour),
  bulk and after(KEYS[2], bulk_per_hour, hour) or 0,
  bulk and after(KEYS[2], 1, spread) or 0,
  tonumber(redis.call('GET', KEYS[4]) or 0)
)

-- After a pause of the circuit breaker one call is the probe, and the others wait for its outcome.
local pause_ends, probe_ends = unpack(redis.call('HMGET', KEYS[6], 'pause_ends', 'probe_ends'))
if pause_ends then
  moment = math.max(moment, tonumber(pause_ends))
  if probe_ends and tonumber(probe_ends) > now then moment = math.max(moment, now + horizon + 1) end
end

if moment <= now + ahead then
  if bulk and redis.call('ZCOUNT', KEYS[5], text(now), '+inf') > 0 then
    return {0, text(now + stand_back), text(now), server}
  end
  redis.call('ZREM', KEYS[5], who)
  redis.call('SADD', KEYS[8], name)
  take(KEYS[1], moment + tolerance, who)
  take(KEYS[3], moment + tolerance, who)
  if bulk then take(KEYS[2], moment, who) end
  for index = 1, 2 do redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', text(now - kept)) end
  if pause_ends then redis.call('HSET', KEYS[6], 'probe', who, 'probe_ends', text(moment + probe_seconds)) end
  return {1, text(moment), text(now), server}
end

-- A slot whose request is not yet sent counts at its latest possible time: usually the request is sent earlier.
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
if redis.call('ZCARD', KEYS[3]) > 0 and moment - now <= horizon + tolerance then
  moment = math.max(moment - tolerance, now + ahead)
end
if not bulk and moment - now <= horizon then
  redis.call('ZADD', KEYS[5], text(moment + horizon), who)
  redis.call('EXPIRE', KEYS[5], 60)
end
return {0, text(moment), text(now), server}
