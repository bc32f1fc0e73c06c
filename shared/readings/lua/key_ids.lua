-- Returns {window, bytes 2 to 5 of its blob: the id of the server secret}...
-- KEYS readings

local found = redis.call('HGETALL', KEYS[1])
for index = 2, #found, 2 do found[index] = string.sub(found[index], 2, 5) end
return found
