-- Returns {now, {name, used in the last second, in the last hour, by bulk, closed until or '', consecutive failures,
-- end of the pause, end of the probe (or '')}...}.
-- KEYS known

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local names = redis.call('SMEMBERS', KEYS[1])
table.sort(names)
local found = {string.format('%.6f', now)}
for index, name in ipairs(names) do
  local slots = 'slots:' .. name
  found[index + 1] = {
    name,
    redis.call('ZCOUNT', slots, '(' .. string.format('%.6f', now - 1), '+inf'),
    redis.call('ZCOUNT', slots, '(' .. string.format('%.6f', now - 3600), '+inf'),
    redis.call('ZCOUNT', slots .. ':bulk', '(' .. string.format('%.6f', now - 3600), '+inf'),
    redis.call('GET', slots .. ':closed') or ''
  }
  for _, value in ipairs(redis.call('HMGET', slots .. ':circuit', 'failures', 'pause_ends', 'probe_ends')) do
    table.insert(found[index + 1], value or '')
  end
end
return found
