"""A stand-in for LLM providers: speaks their wire formats, answers deterministically, fails on demand."""
