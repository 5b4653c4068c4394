-- Routes stand in ARGV from position `from`: target, lane, state, one after another.

-- `last`: the targets that an operator replayed the event to before it was matched; they have it already.
local function addRoutes(id, now, from, last)
  local key = p .. ':state:' .. id
  local fields, fresh = {}, {}
  for i = from, #ARGV, 3 do
    local target, lane = ARGV[i], ARGV[i + 1]
    if not last[target] then
      fresh[#fresh + 1] = { target = target, lane = lane }
      fields[#fields + 1] = target .. ':0'
      fields[#fields + 1] = ARGV[i + 2]
      if lane ~= '' then
        fields[#fields + 1] = '@' .. target .. ':0'
        fields[#fields + 1] = lane
      end
    end
  end
  redis.call('HINCRBY', key, 'open', #fresh)
  if #fresh > 0 then redis.call('HSET', key, unpack(fields)) end
  for _, one in ipairs(fresh) do addDelivery(id, one.target, '0', one.lane) end
  if #fresh == 0 then finishIfOver(id, now) end
end
