"""What a script computes without a worker: comparing texts, and calling our functions, up to its first wait."""
