-- How accounts stand.
-- KEYS: the index of leases, the accounts. ARGV: {0, {account…}}, and of each {kind, a, b, c}.
-- Answer: {true, {position…}}; those of rolling windows say when the oldest step leaves.

local accounts = cmsgpack.unpack(ARGV[1])[2]

sweep(KEYS[1])
local decisions = {}
for i, part in ipairs(accounts) do
  decisions[i] = {found = account(KEYS[i + 1], part[1], part[2], part[3], part[4]), granted = 0, asked = true}
end
return answer(true, decisions)
