"""What is kept: the tables, the rows that nodes write, the values that are handed out, and what may be called how.

A name that may not be one is a `StoreError`, which says why.
"""
