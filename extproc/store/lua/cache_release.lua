-- Ends a lease, if it is the holder's. KEYS: lease. ARGV: holder.
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
