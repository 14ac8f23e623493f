-- Writes a record, or deletes it.
-- KEYS: the records by field, the log of changes. ARGV: field, the version expected ('' for any), and the data (none to
-- delete). Answer: the new version; 0 where there was nothing to delete; -1 where another version was expected.
--
-- Versions follow the clock: so none is ever used twice, not even where a failover has lost the latest changes, and a
-- reader that has seen those is told apart by a version that is not in the log.

local KEPT = 10000

local records, log = KEYS[1], KEYS[2]
local field, expected, data = ARGV[1], ARGV[2], ARGV[3]

local stored = redis.call('HGET', records, field)
local version = stored and string.match(stored, '^%d+') or '0'
if expected ~= '' and expected ~= version then return -1 end
if not data and not stored then return 0 end

local time = redis.call('TIME')
local last = redis.call('ZREVRANGE', log, 0, 0, 'WITHSCORES')
local new = math.max(time[1] * 1000 + math.floor(time[2] / 1000), (tonumber(last[2]) or 0) + 1)
local name = string.format('%.0f', new)
if data then
  redis.call('HSET', records, field, name .. ':' .. data)
else
  redis.call('HDEL', records, field)
end
redis.call('ZADD', log, name, name .. ':' .. field)
redis.call('ZREMRANGEBYRANK', log, 0, -KEPT - 1)
return new
