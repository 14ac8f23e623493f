"""What workers share: the ledger of limits and budgets, and the registry of keys and teams.

`base` says what a store does; `memory` does it in one process, `redis` (with `lua/`) for many.
"""
