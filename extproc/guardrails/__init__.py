"""Guardrails: what may be asked of a model, and what a model may answer.

Rules are values (`rule`), compiled once a document (`engine`). A request is read into a view and checked (`view`); an
answer is checked whole or in windows while it streams (`stream`). Services that judge are asked beside it (`remote`).
"""
