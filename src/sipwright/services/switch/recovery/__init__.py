"""A call as rows, and as a call again in the next process."""
