-- Starts a call. A duplicate message, or one for a parked call, has no effect.
-- Returns {days, attempt}, or {} when there is nothing to do.
-- ARGV job number now until
--- include fair_queue

local job, number, now = look_up(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if not job.under_way then return {} end
local given = redis.call('ZSCORE', 'places:' .. job.line, place_of(job, number))
local queued, until_ = unpack(redis.call('HMGET', job.calls, number .. ':queued', number .. ':until'))
if not given or not (queued or until_) or (until_ and tonumber(until_) > now) then return {} end
local taken = 'taken:' .. job.lane
if tonumber(given) > tonumber(redis.call('GET', taken) or 0) then redis.call('SET', taken, given, 'EX', 86400) end
redis.call('HDEL', job.calls, number .. ':queued', number .. ':waits_for')
redis.call('HSET', job.calls, number .. ':until', ARGV[4])
redis.call('ZADD', 'leases', ARGV[4], ARGV[1] .. '/' .. number)
if job.status == 'queued' then redis.call('HSET', 'job:' .. job.id, 'status', 'running', 'started_at', ARGV[3]) end
return {redis.call('HGET', job.calls, number), redis.call('HINCRBY', job.calls, number .. ':attempts', 1)}
