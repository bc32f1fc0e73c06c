-- Appends an event, calls it out, and makes its deliveries. When a delivery is due is said by the clock of those who
-- deliver; the ids are by that of Redis. `ended_job`: told once, or empty. Returns 1 when it was told.
-- KEYS events erased
-- ARGV account type data kept even_if_erased ended_job now_ms
--- include fan_out

if ARGV[6] ~= '' and redis.call('ZREM', 'untold', ARGV[6]) == 0 then return 0 end
if ARGV[5] == '0' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'type', ARGV[2], 'data', ARGV[3])
redis.call('PUBLISH', 'events', table.concat({ARGV[1], id, ARGV[2], ARGV[3]}, ' '))
if ARGV[5] == '0' then fan_out(ARGV[1], id, ARGV[2], ARGV[3], ARGV[7]) end
return 1
