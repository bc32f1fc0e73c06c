-- Parks a call. Does nothing for a job that was erased or cancelled in the meantime: this would restore its data.
-- ARGV job number until counts_as_attempt keeps_place
--- include fair_queue

local job, number = look_up(ARGV[1]), ARGV[2]
if not job.under_way or redis.call('HEXISTS', job.calls, number .. ':outcome') == 1 then return 0 end
redis.call('HDEL', job.calls, number .. ':queued', number .. ':until')
if ARGV[4] == '0' then redis.call('HINCRBY', job.calls, number .. ':attempts', -1) end
redis.call('ZADD', 'leases', ARGV[3], job.id .. '/' .. number)
if ARGV[5] == '0' then free(job, number) end
return 1
