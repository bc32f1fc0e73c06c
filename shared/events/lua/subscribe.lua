-- Records the event types of a webhook. An older version changes nothing, nor does a webhook of an erased account.
-- KEYS webhooks erased
-- ARGV webhook version types

if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and tonumber(string.match(known, '^%d+')) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
return 1
