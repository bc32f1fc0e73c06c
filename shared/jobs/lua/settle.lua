-- Settles a call, and ends the job with its last call. Returns {whether this call settled it, the job's status}.
-- ARGV job number outcome now keep_seconds is_dead upstream_code dead_kept dead_before
--- include fair_queue window_claims

local job, number = look_up(ARGV[1]), ARGV[2]
if not job.under_way or redis.call('HSETNX', job.calls, number .. ':outcome', ARGV[3]) == 0 then return {0, ''} end
let_go(job, number)
if ARGV[6] == '1' then
  local point, dataset = unpack(redis.call('HMGET', 'job:' .. job.id, 'usage_point_id', 'dataset'))
  local days, attempts = unpack(redis.call('HMGET', job.calls, number, number .. ':attempts'))
  redis.call(
    'XADD', 'dead', 'MAXLEN', ARGV[8], '*', 'job_id', job.id, 'account_id', job.account, 'usage_point_id', point,
    'dataset', dataset, 'days', days, 'code', ARGV[3], 'upstream_code', ARGV[7], 'attempts', attempts or 0,
    'at', ARGV[4]
  )
  -- Uses the clock of the workers, because the ids use the clock of Redis.
  for _, entry in ipairs(redis.call('XRANGE', 'dead', '-', '+', 'COUNT', 100)) do
    if tonumber(entry[2][#entry[2]]) >= tonumber(ARGV[9]) then break end
    redis.call('XDEL', 'dead', entry[1])
  end
end
local key, status = 'job:' .. job.id, job.status
local done = redis.call('HINCRBY', key, 'calls_done', 1)
if ARGV[3] ~= 'ok' then
  redis.call('HINCRBY', key, 'calls_failed', 1)
  redis.call('HINCRBY', key, 'error:' .. ARGV[3], 1)
end
if done == job.total then
  local failed = tonumber(redis.call('HGET', key, 'calls_failed'))
  status = failed == 0 and 'succeeded' or failed < done and 'partial' or 'failed'
  redis.call('HSET', key, 'status', status, 'finished_at', ARGV[4])
  redis.call('ZADD', 'untold', ARGV[4], job.id)
  redis.call('EXPIRE', key, ARGV[5])
  redis.call('EXPIRE', job.calls, ARGV[5])
  leave(job)
elseif job.sent < job.total then
  -- A job of a version without lines may not be in one yet.
  join(job)
end
return {1, status}
