-- Says that somebody watches. KEYS: lease, watched, pieces. ARGV: milliseconds, the first piece wanted.
-- Returns the holder of the lease and the pieces.
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return {redis.call('GET', KEYS[1]) or '', redis.call('LRANGE', KEYS[3], ARGV[2], -1)}
