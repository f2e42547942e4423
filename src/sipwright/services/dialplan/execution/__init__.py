"""One run of a dialplan: its journal, what it needs of those around it, and all runs of a node."""
