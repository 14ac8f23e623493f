-- Adds pieces to what a leader has shown, but for those that are there: they may be sent twice, if no answer came.
-- KEYS: pieces. ARGV: milliseconds, the number of the first piece, pieces.
local there = redis.call('LLEN', KEYS[1]) - ARGV[2]
if there < 0 or there >= #ARGV - 2 then
  return 0
end
redis.call('RPUSH', KEYS[1], unpack(ARGV, 3 + there))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
