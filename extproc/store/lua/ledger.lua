-- What the ledger's scripts share: time, accounts, leases. `redis_scripts.py` puts it before each of them.
--
-- Numbers are doubles here, and every amount stays below 2^53: whole numbers are exact. ARGV[1] is the request, and the
-- answer is one bulk string; both are MessagePack. Keys that are not in KEYS are those of expired leases, and of what a
-- lease holds besides what the request names: in a cluster they are of the same hash slot.

local BUCKET, BUDGET, UNDER_WAY = 0, 1, 2
local LIVE, EXPIRED, SETTLED = 0, 1, 2
local EXPIRED_REMEMBERED_MS = 24 * 3600 * 1000
local SETTLED_REMEMBERED_MS = 3600 * 1000
local STEPS = 60
local SWEPT_AT_ONCE = 20
local LONGEST_TTL_MS = 10 * 365 * 24 * 3600 * 1000

local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max

local time = redis.call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)

-- Buckets -----------------------------------------------------------------------------------------------------------
-- `level` is whole, and `part` counts the parts of one that have come since, in 1/period. Time counts in `unit`
-- milliseconds, and `at` is until when the bucket was filled.

local function refill(bucket)
  bucket.at = min(bucket.at, now)
  local elapsed = floor((now - bucket.at) / bucket.unit)
  bucket.at = bucket.at + elapsed * bucket.unit
  local periods, rest = floor(elapsed / bucket.period), elapsed % bucket.period
  -- rate * rest / period, in products that stay exact
  local each, remainder = floor(bucket.rate / bucket.period), bucket.rate % bucket.period
  local parts = remainder * rest + bucket.part
  bucket.level = bucket.level + periods * bucket.rate + each * rest + floor(parts / bucket.period)
  bucket.part = parts % bucket.period
  if bucket.level >= bucket.capacity then
    bucket.level, bucket.part, bucket.at = bucket.capacity, 0, now
  end
end

local function load_bucket(key, capacity, rate, period_ms)
  local unit = period_ms >= 3600000 and 1000 or 1
  local period = ceil(period_ms / unit)
  local stored = redis.call('HMGET', key, 'level', 'part', 'at')
  local bucket = {
    kind = BUCKET, key = key, capacity = capacity, rate = rate, period = period, unit = unit,
    level = tonumber(stored[1]) or capacity,
    part = min(tonumber(stored[2]) or 0, period - 1),
    at = tonumber(stored[3]) or now,
    pending = 0,
  }
  refill(bucket)
  return bucket
end

-- Milliseconds until there are `wanted` in it; 0 where that will never be.
local function wait_for(bucket, wanted)
  local missing = wanted - bucket.level
  if missing <= 0 or wanted > bucket.capacity or bucket.rate == 0 then return 0 end
  local periods, rest = floor(missing / bucket.rate), missing % bucket.rate
  local units = periods * bucket.period + ceil((rest * bucket.period - bucket.part) / bucket.rate)
  return max(0, units * bucket.unit - (now - bucket.at))
end

local function save_bucket(bucket)
  if bucket.level >= bucket.capacity then
    redis.call('DEL', bucket.key)
    return
  end
  redis.call('HSET', bucket.key, 'level', bucket.level, 'part', bucket.part, 'at', bucket.at)
  if bucket.rate > 0 then
    redis.call('PEXPIRE', bucket.key, min(wait_for(bucket, bucket.capacity), LONGEST_TTL_MS))
  else
    redis.call('PERSIST', bucket.key)
  end
end

-- Budgets -----------------------------------------------------------------------------------------------------------
-- Of a rolling window, each step has a field that says what was spent in it, named for its number; `spent` is their
-- sum, and `step` the last one. A window of 60 steps touches 61: the oldest counts in full.

local function forget_steps(budget, first, last)
  local fields = {}
  for step = first, last do fields[#fields + 1] = 'w' .. step end
  for _, amount in ipairs(redis.call('HMGET', budget.key, unpack(fields))) do
    budget.spent = max(0, budget.spent - (tonumber(amount) or 0))
  end
  redis.call('HDEL', budget.key, unpack(fields))
end

-- What was spent in the steps after `last` was spent in the one that is now.
local function gather_steps(budget, last)
  local earlier = 0
  local stored = redis.call('HGETALL', budget.key)
  for i = 1, #stored, 2 do
    local step = tonumber(string.match(stored[i], '^w(%d+)$'))
    if step and step > last then
      redis.call('HDEL', budget.key, stored[i])
    elseif step then
      earlier = earlier + tonumber(stored[i + 1])
    end
  end
  redis.call('HSET', budget.key, 'w' .. budget.step, max(0, budget.spent - earlier))
end

-- Brings it to the step that is now: also where the clock went back, or the window has another length than it had.
local function roll(budget, last, last_ms)
  budget.step_ms = ceil(budget.window / STEPS)
  budget.step = floor(now / budget.step_ms)
  if last == budget.step and last_ms == budget.step_ms or budget.spent + budget.reserved == 0 then return end
  if last_ms ~= budget.step_ms then
    gather_steps(budget, -1)
  elseif last > budget.step then
    gather_steps(budget, budget.step - 1)
  else
    forget_steps(budget, last - STEPS, min(last, budget.step - STEPS - 1))
  end
  redis.call('HSET', budget.key, 'step', budget.step, 'step_ms', budget.step_ms, 'spent', budget.spent)
end

local function load_budget(kind, key, limit, window, expires)
  local stored = redis.call('HMGET', key, 'spent', 'reserved', 'step', 'step_ms')
  local budget = {
    kind = kind, key = key, limit = limit, window = window, expires = expires,
    spent = tonumber(stored[1]) or 0,
    reserved = tonumber(stored[2]) or 0,
    pending = 0,
  }
  if window > 0 then roll(budget, tonumber(stored[3]), tonumber(stored[4])) end
  return budget
end

-- Adds to what is spent, or takes away from it: in `step` of a rolling window. Where that has left the window, so has
-- what was counted there, and only what is added counts. Returns the step.
local function spend(budget, amount, step)
  if budget.kind == UNDER_WAY then return nil end
  if budget.window == 0 then
    budget.spent = max(0, budget.spent + amount)
    return nil
  end
  if step and step < budget.step - STEPS then amount = max(0, amount) end
  if not step or step < budget.step - STEPS or step > budget.step then step = budget.step end
  local had = tonumber(redis.call('HGET', budget.key, 'w' .. step)) or 0
  local has = max(0, had + amount)
  redis.call('HSET', budget.key, 'w' .. step, has)
  budget.spent = budget.spent + has - had
  return step
end

-- Milliseconds until the oldest step of a rolling window leaves it; 0 where nothing is going to.
local function wait_for_step(budget)
  if budget.window == 0 or budget.spent == 0 then return 0 end
  local fields, oldest = {}, budget.step - STEPS
  for i = 0, STEPS do fields[i + 1] = 'w' .. (oldest + i) end
  for i, amount in ipairs(redis.call('HMGET', budget.key, unpack(fields))) do
    if (tonumber(amount) or 0) > 0 then return (oldest + i + STEPS) * budget.step_ms - now end
  end
  return 0
end

local function save_budget(budget)
  if budget.spent == 0 and budget.reserved == 0 then
    redis.call('DEL', budget.key)
    return
  end
  redis.call('HSET', budget.key, 'spent', budget.spent, 'reserved', budget.reserved)
  if budget.window > 0 then
    redis.call('HSET', budget.key, 'step', budget.step, 'step_ms', budget.step_ms)
    redis.call('PEXPIRE', budget.key, budget.window + budget.step_ms + EXPIRED_REMEMBERED_MS)
  elseif budget.expires > 0 then
    redis.call('PEXPIREAT', budget.key, budget.expires)
  end
end

-- Accounts of either kind -------------------------------------------------------------------------------------------
-- One that is named twice in a request is loaded once. `pending` is what this request takes, until it is decided.

local loaded = {}

local function account(key, kind, a, b, c)
  local found = loaded[key]
  if not found then
    found = kind == BUCKET and load_bucket(key, a, b, c) or load_budget(kind, key, a, b, c)
    loaded[key] = found
  end
  if kind ~= BUCKET then found.limit = a end
  return found
end

local function available(found)
  if found.kind == BUCKET then return found.level - found.pending end
  return found.limit - found.spent - found.reserved - found.pending
end

-- Something counts as reserved, or no longer (less than nothing).
local function hold(found, amount)
  if found.kind == BUCKET then
    found.level = min(found.capacity, found.level - amount)
  else
    found.reserved = max(0, found.reserved + amount)
  end
end

local function save(found)
  if found.kind == BUCKET then save_bucket(found) else save_budget(found) end
end

local function wait(found, wanted)
  if found.kind == BUCKET then return wait_for(found, wanted) end
  return wanted <= found.limit and wait_for_step(found) or 0
end

-- What is decided is taken, or left: nothing is pending any more.
local function settle_pending()
  for _, found in pairs(loaded) do found.pending = 0 end
end

-- In the order of the fields of `Position`. `lacking` is what was refused, if anything was; `asked`: nothing else is
-- wanted than to know how it stands.
local function position(found, granted, lacking, asked)
  local refused, wait_ms = lacking ~= nil, lacking and wait(found, lacking) or 0
  if asked and found.kind == BUDGET then wait_ms = wait_for_step(found) end
  if found.kind == BUCKET then
    return {granted, 0, 0, found.level, refused, wait_ms, wait_for(found, found.capacity)}
  end
  return {granted, found.spent, found.reserved, available(found), refused, wait_ms, 0}
end

local function answer(admitted, decisions)
  local positions = {}
  for i, decision in ipairs(decisions) do
    positions[i] = position(decision.found, admitted and decision.granted or 0, decision.lacking, decision.asked)
  end
  return cmsgpack.pack({admitted, positions})
end

-- Leases ------------------------------------------------------------------------------------------------------------
-- {state, when it expires, what it holds by account key}, and of each account {kind, held, window, when that expires,
-- the step in which it was counted as spent}. In a cluster there is one in each partition that its accounts are in.

local function load_lease(key)
  local stored = redis.call('GET', key)
  return stored and cmsgpack.unpack(stored)
end

local function save_live(key, index, lease)
  redis.call('SET', key, cmsgpack.pack(lease))
  redis.call('ZADD', index, lease[2], key)
end

local function save_settled(key, index)
  redis.call('SET', key, cmsgpack.pack({SETTLED}), 'PX', SETTLED_REMEMBERED_MS)
  redis.call('ZREM', index, key)
end

local function drop(key, index)
  redis.call('DEL', key)
  redis.call('ZREM', index, key)
end

local function held_budget(key, held)
  return loaded[key] or account(key, held[1], 0, held[3], held[4])
end

-- What an expired lease holds counts as spent from now on.
local function expire(key, index, lease)
  lease[1] = EXPIRED
  for name, held in pairs(lease[3]) do
    if held[1] ~= BUCKET then
      local found = held_budget(name, held)
      hold(found, -held[2])
      held[5] = spend(found, held[2])
      save(found)
    end
  end
  redis.call('SET', key, cmsgpack.pack(lease), 'PX', EXPIRED_REMEMBERED_MS)
  redis.call('ZREM', index, key)
end

-- The opposite: what was counted as spent is reserved again.
local function revive(lease)
  lease[1] = LIVE
  for name, held in pairs(lease[3]) do
    if held[1] ~= BUCKET then
      local found = held_budget(name, held)
      spend(found, -held[2], held[5])
      hold(found, held[2])
      held[5] = nil
      save(found)
    end
  end
end

local function sweep(index)
  local expired = redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, SWEPT_AT_ONCE)
  for _, key in ipairs(expired) do
    local lease = load_lease(key)
    if lease and lease[1] == LIVE then
      expire(key, index, lease)
    else
      redis.call('ZREM', index, key)
    end
  end
  loaded = {}
end
