-- Closes an API. A shorter closing does not end a longer one: calls in flight when the hourly quota is exhausted are
-- refused for either limit, in any order. `least_margin` 0: the margin is unchanged.
-- KEYS closed margin
-- ARGV seconds least_margin widest_margin margin_kept

local time = redis.call('TIME')
local seconds = tonumber(ARGV[1])
local ends = tonumber(time[1]) + tonumber(time[2]) / 1000000 + seconds
if seconds > 0 and tonumber(redis.call('GET', KEYS[1]) or 0) < ends then
  redis.call('SET', KEYS[1], string.format('%.6f', ends), 'EX', math.floor(seconds) + 1)
end
if tonumber(ARGV[2]) > 0 then
  local margin = math.max(tonumber(ARGV[2]), 2 * tonumber(redis.call('GET', KEYS[2]) or 0))
  redis.call('SET', KEYS[2], math.min(margin, tonumber(ARGV[3])), 'EX', ARGV[4])
end
