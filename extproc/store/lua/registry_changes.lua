-- A page of what was changed after a version.
-- KEYS: the records by field, the log of changes. ARGV: the version, how many changes at most.
-- Answer: the last version there is, and whether the log goes back to the one that was asked for; if so then, for each
-- change, its version and field, and the record as it is now (nil where there is none).

local records, log = KEYS[1], KEYS[2]
local since, most = ARGV[1], ARGV[2]

local last = redis.call('ZREVRANGE', log, 0, 0, 'WITHSCORES')
local answer = {last[2] or '0', redis.call('ZCOUNT', log, since, since)}
if answer[2] == 0 then return answer end
for _, change in ipairs(redis.call('ZRANGEBYSCORE', log, '(' .. since, '+inf', 'LIMIT', 0, most)) do
  local version, field = string.match(change, '^(%d+):(.*)$')
  answer[#answer + 1] = version
  answer[#answer + 1] = field
  answer[#answer + 1] = redis.call('HGET', records, field)
end
return answer
