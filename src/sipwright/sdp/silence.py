"""Descriptions for an end that is to be silent for a moment, until it hears what the other end offers (RFC 3264 §8)."""

from __future__ import annotations

from .description import media
from .origin import origin

__all__ = ["answer_silently", "cut_streams", "offer_silence", "pad_streams"]


def answer_silently(offer: bytes, later: bytes) -> bytes:
    """Answer an offer so that its streams stay and carry nothing; `later` is what its sender is to be offered next.

    The answer is of the session of `later`, one version before. Streams that would have to be keyed are refused.
    """
    known = origin(later)
    session, version = (1, 1) if known is None else known
    user = b"-" if known is None else later.partition(b"o=")[2].partition(b" ")[0]
    lines = [b"v=0", b"o=%b %d %d IN IP4 0.0.0.0" % (user, session, max(version - 1, 0)), b"s=-"]
    lines += [b"c=IN IP4 0.0.0.0", b"t=0 0"]
    for line in _streams(offer):
        kind, port, protocol, formats = line
        if port == b"0" or protocol != b"RTP/AVP":
            lines.append(b"m=%b 0 %b %b" % (kind, protocol, formats))
        else:
            lines += [b"m=%b 9 %b %b" % (kind, protocol, formats), *_maps(offer, kind), b"a=inactive"]
    return b"\r\n".join(lines) + b"\r\n"


def offer_silence(session: int, version: int) -> bytes:
    """Offer a stream of audio that carries nothing, with what any phone knows."""
    lines = [
        b"v=0", b"o=- %d %d IN IP4 0.0.0.0" % (session, version), b"s=-", b"c=IN IP4 0.0.0.0", b"t=0 0",
        b"m=audio 9 RTP/AVP 0 8 101", b"a=rtpmap:0 PCMU/8000", b"a=rtpmap:8 PCMA/8000",
        b"a=rtpmap:101 telephone-event/8000", b"a=inactive",
    ]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n"


def pad_streams(offer: bytes, earlier: bytes) -> bytes:
    """Give an offer as many streams as an earlier description of the session had: none may go away (RFC 3264 §8)."""
    missing = _streams(earlier)[len(_streams(offer)) :]
    if not offer or not missing:
        return offer
    more = b"".join(b"m=%b 0 %b %b\r\n" % (kind, protocol, formats) for kind, _, protocol, formats in missing)
    return offer.rstrip(b"\r\n") + b"\r\n" + more


def cut_streams(answer: bytes, offer: bytes) -> bytes:
    """Leave an answer only as many streams as the offer had that it is given for."""
    most, at = len(media(offer)), 0
    for number in range(most + 1):
        at = answer.find(b"\nm=", at + (number > 0))
        if at < 0:
            return answer
    return answer[: at + 1]


def _streams(body: bytes) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Return kind, port, protocol and formats of each stream."""
    found = []
    for line in body.split(b"\n"):
        parts = line.rstrip(b"\r").removeprefix(b"m=").split(b" ", 3)
        if line.startswith(b"m=") and len(parts) == 4:
            found.append((parts[0], parts[1].partition(b"/")[0], parts[2], parts[3]))
    return found


def _maps(body: bytes, kind: bytes) -> list[bytes]:
    """Return how the formats of the first stream of a kind are called."""
    _, _, section = body.partition(b"m=" + kind + b" ")
    lines = section.partition(b"\nm=")[0].split(b"\n")[1:]
    return [line.rstrip(b"\r") for line in lines if line.startswith((b"a=rtpmap:", b"a=fmtp:"))]
