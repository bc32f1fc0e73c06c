-- Counts an attempt. Returns the seconds to wait, 0 when it is allowed.
-- KEYS rate
-- ARGV now cost burst

local now, cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ready = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = ready + cost - cost * burst - now
if wait > 0 then return tostring(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', ready + cost), 'PX', math.ceil((ready + cost - now) * 1000))
return '0'
