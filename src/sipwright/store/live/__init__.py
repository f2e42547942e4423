"""What a running node needs from the store: the directory in memory, and what it reads and claims on its way."""
