-- Claims windows for a call. Returns 1 when the call holds all of them, 0 when it waits for another call.
-- ARGV job number now patience window...
--- include fair_queue window_claims

local job, number, now, patience = look_up(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if not job.under_way or redis.call('HEXISTS', job.calls, number .. ':outcome') == 1 then return 0 end
local blocker, pause = blocker_of(job, number, ARGV, 5, now, patience)
if not blocker then
  claim(job, number, ARGV, 5)
  redis.call('HDEL', job.calls, number .. ':waits_since')
  return 1
end
release(job, number)
redis.call('SADD', 'waiters:' .. blocker, job.id .. '/' .. number)
redis.call('EXPIRE', 'waiters:' .. blocker, kept_seconds)
redis.call('HSETNX', job.calls, number .. ':waits_since', ARGV[3])
redis.call('HSET', job.calls, number .. ':waits_for', blocker)
redis.call('HDEL', job.calls, number .. ':queued', number .. ':until')
redis.call('HINCRBY', job.calls, number .. ':attempts', -1)
redis.call('ZADD', 'leases', now + pause, job.id .. '/' .. number)
free(job, number)
return 0
