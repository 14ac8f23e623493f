"""Translation between wire formats: one file a pair, a registry table, pure and synchronous."""
