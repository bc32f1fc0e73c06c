-- Erases a job with its calls. Returns 1 when it had not ended.
-- ARGV job
--- include fair_queue window_claims

local job = look_up(ARGV[1])
if job.under_way then
  for number = 0, job.sent - 1 do let_go(job, number) end
  leave(job)
end
redis.call('DEL', 'job:' .. job.id, job.calls)
redis.call('ZREM', 'untold', job.id)
return job.under_way and 1 or 0
