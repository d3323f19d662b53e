"""Counting an audience without keeping anything about a person."""
