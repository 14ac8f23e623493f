-- Keeps a lease, and reserves more for it: all that is asked for, or none.
-- KEYS: the lease, the index of leases, the accounts of the parts.
-- ARGV: {ttl_ms, {part…}}, and of each part {kind, held, more, enforced, a, b, c}; `more` below 0 gives back.
-- Answer: {admitted, {position…}}.

local request = cmsgpack.unpack(ARGV[1])
local ttl, parts = request[1], request[2]

local function part_account(i)
  local part = parts[i]
  return account(KEYS[i + 2], part[1], part[5], part[6], part[7])
end

-- The lease, live again. What it does not know to hold is what its holder says: the store has lost it, or all of it.
local function kept()
  local lease = load_lease(KEYS[1]) or {LIVE, 0, {}}
  if lease[1] == SETTLED then return lease end
  if lease[1] == EXPIRED then revive(lease) end
  for i, part in ipairs(parts) do
    local found = part_account(i)
    if not lease[3][found.key] then
      lease[3][found.key] = {found.kind, part[2], found.window, found.expires}
      hold(found, part[2])
      save(found)
    end
  end
  return lease
end

local function decide(found, part)
  local more = part[3]
  local refused = more > 0 and available(found) < more
  if more > 0 and not (refused and part[4]) then found.pending = found.pending + more end
  return {found = found, granted = more, lacking = refused and more or nil}
end

local function decided()
  local admitted, decisions = true, {}
  for i, part in ipairs(parts) do
    decisions[i] = decide(part_account(i), part)
    admitted = admitted and not (decisions[i].lacking and part[4])
  end
  return admitted, decisions
end

local function commit(lease, decisions)
  for _, decision in ipairs(decisions) do
    local held = lease[3][decision.found.key]
    local more = max(decision.granted, -held[2])
    held[2] = held[2] + more
    if more ~= 0 then
      hold(decision.found, more)
      save(decision.found)
    end
  end
end

local lease = kept()
if lease[1] == SETTLED then
  local decisions = {}
  for i in ipairs(parts) do decisions[i] = {found = part_account(i), granted = 0} end
  return answer(false, decisions)
end
local admitted, decisions = decided()
settle_pending()
if admitted then commit(lease, decisions) end
lease[2] = now + ttl
save_live(KEYS[1], KEYS[2], lease)
return answer(admitted, decisions)
