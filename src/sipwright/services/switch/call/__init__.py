"""A call, its legs, and what both stand on."""
