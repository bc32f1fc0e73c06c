-- Creates a delivery for each webhook subscribed to an event. Functions only.
--- constants quiet_types
--- include delivery_queue

local quiet = {}
for _, each in ipairs(quiet_types) do quiet[each] = true end

local function fan_out(account, event_id, kind, data, now)
  local wishes = redis.call('HGETALL', 'webhooks:' .. account)
  local moment, number = string.match(event_id, '(%d+)-(%d+)')
  for index = 1, #wishes, 2 do
    local webhook, wish = wishes[index], wishes[index + 1] .. ' '
    if string.find(wish, ' ' .. kind .. ' ', 1, true) or (not quiet[kind] and string.find(wish, ' * ', 1, true)) then
      -- The event's id and the webhook's, which together are unique.
      local id = string.format('dlv_%012x%04x%s', moment, number, string.match(webhook, '_(%x+)$'))
      enqueue(account, webhook, id, kind, data, now)
    end
  end
end
