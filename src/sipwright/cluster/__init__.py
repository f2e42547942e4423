"""Several nodes on one database: who is there, and who may act."""
