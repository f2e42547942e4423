"""REST and the pages: a FastAPI application, and the server that strangers meet first."""
