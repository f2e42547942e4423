"""What a script computes without a worker, from one of its waits to the next: little, and within bounds.

Whatever is not that is left to a worker by a `LeaveError`.
"""
