"""The way to a peer: where it is, and what to do while it is away."""
