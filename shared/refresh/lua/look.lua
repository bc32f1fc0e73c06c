-- Removes ended jobs, and adds their results to their wave. Returns {next cursor, {series, wave, calls left}...}.
-- KEYS jobs
-- ARGV cursor count

local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found = {page[1]}
for index = 1, #page[2], 2 do
  local id, job = string.match(page[2][index + 1], '^(.*)|(.*)$')
  local status, total, done, failed, finished =
    unpack(redis.call('HMGET', 'job:' .. job, 'status', 'calls_total', 'calls_done', 'calls_failed', 'finished_at'))
  if status == 'queued' or status == 'running' then
    found[#found + 1] = {page[2][index], id, tonumber(total) - tonumber(done)}
  else
    redis.call('HDEL', KEYS[1], page[2][index])
    local wave = 'refresh:wave:' .. id
    if status and redis.call('EXISTS', wave) == 1 then
      redis.call('HINCRBY', wave, 'calls_failed', failed)
      local last = tonumber(redis.call('HGET', wave, 'finished_at') or 0)
      if tonumber(finished) and tonumber(finished) > last then redis.call('HSET', wave, 'finished_at', finished) end
    end
  end
end
return found
