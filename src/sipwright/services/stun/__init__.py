"""A STUN server: it tells whoever asks from which address the question came."""

from .server import StunServer, StunSnapshot

__all__ = ["StunServer", "StunSnapshot"]
