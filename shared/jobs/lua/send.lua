-- Gives free places to the next calls in line. Returns {job, number, lane, trace context}...
-- ARGV depth for_account now deadline line...
--- include fair_queue places

local given = {}
for index = 5, #ARGV do
  give_out(ARGV[index], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], given)
end
return given
