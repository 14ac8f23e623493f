"""Answers that are given again: exact ones, and those of questions that mean the same (`semantic`)."""
