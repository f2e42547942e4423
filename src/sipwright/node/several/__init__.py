"""What a node has to do with others: nodes on one database, and workers that share its ports."""
