"""The short way to a worker process for plain scripts, beside the library's own."""
