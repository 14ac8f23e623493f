"""The vocabulary of the field: token usage, money, prices, tokenizers. No I/O, no HTTP."""
