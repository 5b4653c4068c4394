-- Routes stand in ARGV from position `from`: target, lane, state, one after another.

local function addRoutes(id, now, from, size)
  local fields = { 'open', (#ARGV - from + 1) / 3 }
  for i = from, #ARGV, 3 do
    fields[#fields + 1] = ARGV[i] .. ':0'
    fields[#fields + 1] = ARGV[i + 2]
    if ARGV[i + 1] ~= '' then
      fields[#fields + 1] = '@' .. ARGV[i] .. ':0'
      fields[#fields + 1] = ARGV[i + 1]
    end
  end
  redis.call('HSET', p .. ':state:' .. id, unpack(fields))
  for i = from, #ARGV, 3 do addDelivery(id, ARGV[i], '0', ARGV[i + 1]) end
  if #ARGV < from then finish(id, now, size) end
end
