-- Reserves all holds, or none.
-- KEYS: the lease, the index of leases, the accounts of the holds.
-- ARGV: {ttl_ms, {hold…}}, and of each hold {kind, need, want, enforced, a, b, c}. Answer: {admitted, {position…}}.

local request = cmsgpack.unpack(ARGV[1])
local ttl, holds = request[1], request[2]

-- What a hold takes, and whether there was too little. A budget that is used up has no room for nothing either.
local function grant(found, part)
  local need, want, room = part[2], part[3], available(found)
  if found.kind == BUCKET then return need, room < need end
  local refused = room < max(need, 1)
  return part[4] and min(want, room) or want, refused
end

local function decide(found, part)
  local granted, refused = grant(found, part)
  if not (refused and part[4]) then found.pending = found.pending + granted end
  return {found = found, granted = granted, lacking = refused and part[2] or nil}
end

-- The lease is there already, so nothing is decided. Of one that has ended, nothing is granted.
local function repeated(lease)
  local decisions = {}
  for i, part in ipairs(holds) do
    local key = KEYS[i + 2]
    local held = lease[1] == LIVE and lease[3][key]
    decisions[i] = {found = account(key, part[1], part[5], part[6], part[7]), granted = held and held[2] or 0}
  end
  return lease[1] == LIVE, decisions
end

local function decided()
  local admitted, decisions = true, {}
  for i, part in ipairs(holds) do
    decisions[i] = decide(account(KEYS[i + 2], part[1], part[5], part[6], part[7]), part)
    admitted = admitted and not (decisions[i].lacking and part[4])
  end
  return admitted, decisions
end

local function commit(decisions)
  local held = {}
  for i, decision in ipairs(decisions) do
    local found, granted = decision.found, decision.granted
    hold(found, granted)
    local before = held[found.key] and held[found.key][2] or 0
    held[found.key] = {found.kind, granted + before, found.window, found.expires}
  end
  for _, decision in ipairs(decisions) do save(decision.found) end
  save_live(KEYS[1], KEYS[2], {LIVE, now + ttl, held})
end

sweep(KEYS[2])
local lease = load_lease(KEYS[1])
local admitted, decisions
if lease then
  admitted, decisions = repeated(lease)
else
  admitted, decisions = decided()
  settle_pending()
  if admitted then commit(decisions) end
end
return answer(admitted, decisions)
