-- Returns {'new', value now held}, {'running', end of the lease}, {'done', outcome}, {'reused'} or {'erased'}.
-- KEYS today yesterday erased
-- ARGV key fingerprint now lease_end keep_seconds

if redis.call('EXISTS', KEYS[3]) == 1 then return {'erased'} end
for index = 1, 2 do
  local held = redis.call('HGET', KEYS[index], ARGV[1])
  if held then
    local fingerprint, ends, outcome = string.match(held, '^(%S+) (%S+) ?(.*)$')
    if tonumber(ends) > tonumber(ARGV[3]) then
      if fingerprint ~= ARGV[2] then return {'reused'} end
      if outcome == '' then return {'running', ends} end
      return {'done', outcome}
    end
    redis.call('HDEL', KEYS[index], ARGV[1])
  end
end
local held = ARGV[2] .. ' ' .. ARGV[4]
redis.call('HSET', KEYS[1], ARGV[1], held)
redis.call('EXPIRE', KEYS[1], ARGV[5])
return {'new', held}
