-- Ends a lease: what it held is free again, and what it used is spent.
-- KEYS: the lease, the index of leases, the accounts of the charges.
-- ARGV: {forget, {charge…}}, and of each charge {kind, used, a, b, c}; `forget`: the lease was never there, rather
-- than settled. Answer: {whether it was settled now, {position…}}.

local request = cmsgpack.unpack(ARGV[1])
local forget, charges = request[1], request[2]

-- What a live lease held is free again; what an expired one held is spent already, and only the difference counts.
local function charge(found, used, held, state)
  if not held then held = {found.kind, 0} end
  if found.kind == BUCKET then
    hold(found, used - held[2])
  elseif state == EXPIRED then
    spend(found, used - held[2], held[5])
  else
    hold(found, -held[2])
    spend(found, used)
  end
  save(found)
end

-- What the holder does not name was not used. A bucket of which nothing else is known is filled again when it is used.
local function release_others(lease)
  for key, held in pairs(lease[3]) do
    if held[1] ~= BUCKET then
      charge(held_budget(key, held), 0, held, lease[1])
    elseif redis.call('EXISTS', key) == 1 then
      redis.call('HINCRBY', key, 'level', string.format('%.0f', held[2]))
    end
  end
end

local lease = load_lease(KEYS[1]) or {LIVE, 0, {}}
local settles, decisions = lease[1] ~= SETTLED, {}
for i, part in ipairs(charges) do
  local found = account(KEYS[i + 2], part[1], part[3], part[4], part[5])
  decisions[i] = {found = found, granted = 0}
  if settles then
    charge(found, part[2], lease[3][found.key], lease[1])
    lease[3][found.key] = nil
  end
end
if settles then release_others(lease) end
if settles and forget then
  drop(KEYS[1], KEYS[2])
else
  save_settled(KEYS[1], KEYS[2]) -- also when it was before: who repeats it may do so again
end
return answer(settles, decisions)
