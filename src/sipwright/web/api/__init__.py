"""REST: one file for each resource, over the use cases; `identity.py` says who asks, `models.py` how things look."""
