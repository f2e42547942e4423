"""REST and the pages: a FastAPI application, and the server that strangers meet first.

What is refused is a `Problem` (RFC 9457).
"""
