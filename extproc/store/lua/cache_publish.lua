-- Adds pieces to what a leader has shown. KEYS: pieces. ARGV: milliseconds, pieces.
redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
