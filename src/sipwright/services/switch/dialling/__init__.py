"""From an INVITE to who is rung for it, and trying them until one answers."""
