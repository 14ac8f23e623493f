"""The document compiled, and one exchange run through it."""
