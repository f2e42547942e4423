"""Roll-ups: what was measured, as minimum, mean, maximum and count of longer and longer spans of time."""
