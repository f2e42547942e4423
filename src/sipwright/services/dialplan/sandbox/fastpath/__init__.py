"""The short way to a worker process for plain scripts, beside the library's own.

Whatever does not belong there is left to the library by a `Fallback`.
"""
