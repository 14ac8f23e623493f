"""The admin API: keys, teams and organisations of the store's registry, budgets and how they stand, and the cache.

Verbs and fields are those that LiteLLM's administrators know. Handlers (`keys`, `teams`, `organisations`, `budgets`,
`cache`) take checked fields and a registrar and return structs; `routes` lists them, and `app` and `openapi` are made
of that.
"""
