-- Records the outcome of a call: answered, failed or unknown. Calls in flight when the pause began fail too, but belong
-- to the same outage: only a failed probe extends the pause. Returns the seconds of the pause, for a failed probe.
-- KEYS circuit
-- ARGV who outcome failures first_pause longest_pause kept

if ARGV[2] == 'answered' then redis.call('DEL', KEYS[1]) return end
local pause, probe = unpack(redis.call('HMGET', KEYS[1], 'pause_seconds', 'probe'))
local reply
if ARGV[2] == 'failed' then
  local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
  local seconds = pause and math.min(tonumber(pause) * 2, tonumber(ARGV[5])) or ARGV[4]
  if (pause and probe == ARGV[1]) or (not pause and failures >= tonumber(ARGV[3])) then
    local time = redis.call('TIME')
    local ends = tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(seconds)
    redis.call('HSET', KEYS[1], 'pause_seconds', seconds, 'pause_ends', string.format('%.6f', ends))
    if pause then reply = tostring(seconds) end
  end
  redis.call('EXPIRE', KEYS[1], ARGV[6])
end
if probe == ARGV[1] then redis.call('HDEL', KEYS[1], 'probe', 'probe_ends') end
return reply
