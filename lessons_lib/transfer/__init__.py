"""Carrying what was learnt into another domain: one technique, one file."""
