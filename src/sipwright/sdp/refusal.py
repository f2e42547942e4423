"""An answer that takes none of the streams of an offer (RFC 3264 §6)."""

__all__ = ["refuse_streams"]

_HEAD = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"


def refuse_streams(offer: bytes) -> bytes:
    """Answer an offer with port 0 for each of its streams: the session stays, and nothing is sent in it."""
    streams = [line.rstrip(b"\r").split(b" ", 2) for line in offer.split(b"\n") if line.startswith(b"m=")]
    lines = [b" ".join((parts[0], b"0", parts[2])) for parts in streams if len(parts) == 3]
    return _HEAD + b"".join(line + b"\r\n" for line in lines)
