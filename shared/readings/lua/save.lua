-- Writes a window atomically with a check of the job: an erasure first ends the jobs that would restore the data, so
-- no data in flight is stored afterwards. Returns 1 when the window was written.
-- KEYS job readings coverage
-- ARGV window text blob...

local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'queued' and status ~= 'running' then return 0 end
if ARGV[3] then redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
return 1
