-- Appends an event, publishes it on the channel, and creates its deliveries. Due times use the clock of the delivering
-- workers; ids use that of Redis. `ended_job`: its end is published only once; empty for other events. Returns 1 when
-- the event was published.
-- KEYS events erased
-- ARGV account type data kept even_if_erased ended_job now_ms
--- include fan_out

if ARGV[6] ~= '' and redis.call('ZREM', 'untold', ARGV[6]) == 0 then return 0 end
if ARGV[5] == '0' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'type', ARGV[2], 'data', ARGV[3])
redis.call('PUBLISH', 'events', table.concat({ARGV[1], id, ARGV[2], ARGV[3]}, ' '))
if ARGV[5] == '0' then fan_out(ARGV[1], id, ARGV[2], ARGV[3], ARGV[7]) end
return 1
