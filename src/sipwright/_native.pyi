"""The native part (`native/README.md`)."""

from typing import Any

FORM: int

def read_register(data: bytes, host: str, port: int, is_reliable: bool, /) -> tuple[Any, ...] | None:
    """Do what `sip/usual_register.py:read_in_python` does, or say that it is unusual."""
