-- Renews the lease of a call. Returns 1 while the call is leased to a worker.
-- ARGV job number until

local calls, member = 'calls:' .. ARGV[1], ARGV[1] .. '/' .. ARGV[2]
if redis.call('HEXISTS', calls, ARGV[2] .. ':until') == 0 then return 0 end
redis.call('ZADD', 'leases', ARGV[3], member)
redis.call('HSET', calls, ARGV[2] .. ':until', ARGV[3])
return 1
