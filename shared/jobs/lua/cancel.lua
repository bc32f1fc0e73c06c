-- Cancels a job. Its messages that are still in the queue have no effect when consumed. Returns 1 when this call ended
-- the job.
-- ARGV job now keep_seconds
--- include fair_queue window_claims

local job = look_up(ARGV[1])
if not job.under_way then return 0 end
redis.call('HSET', 'job:' .. job.id, 'status', 'cancelled', 'finished_at', ARGV[2])
redis.call('ZADD', 'untold', ARGV[2], job.id)
for number = 0, job.sent - 1 do let_go(job, number) end
leave(job)
redis.call('EXPIRE', 'job:' .. job.id, ARGV[3])
redis.call('EXPIRE', job.calls, ARGV[3])
return 1
