-- Keeps a lease, if it is the holder's, and what it has shown. KEYS: lease, watched, pieces.
-- ARGV: holder, milliseconds of the lease, milliseconds of the pieces. Returns 1 where somebody watches.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return redis.call('EXISTS', KEYS[2])
