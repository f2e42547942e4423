"""How the rows of running nodes reach the disk: the writer, its committers, and the log in front of SQLite."""
