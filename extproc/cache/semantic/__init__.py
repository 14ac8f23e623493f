"""Semantic hits: the answer to a question that was put in other words.

A question is read (`reading`) by the grammar of its language, and an answer serves only a question that reads the same;
vectors (`embedder`) may refuse what reads the same, and never serve what does not. All of it is pure, but for the
embedders.
"""
