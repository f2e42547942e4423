"""SDP (RFC 8866), as much of it as a switch needs that never touches media."""

from sipwright.sdp.address import is_private
from sipwright.sdp.description import Media, connection_addresses, is_hold, is_sdp, media
from sipwright.sdp.origin import as_version_of, origin
from sipwright.sdp.refusal import refuse_streams
from sipwright.sdp.rewrite import rewrite_body, rewrite_private
from sipwright.sdp.silence import answer_silently, cut_streams, offer_silence, pad_streams

__all__ = [
    "Media",
    "answer_silently",
    "as_version_of",
    "connection_addresses",
    "cut_streams",
    "is_hold",
    "is_private",
    "is_sdp",
    "media",
    "offer_silence",
    "origin",
    "pad_streams",
    "refuse_streams",
    "rewrite_body",
    "rewrite_private",
]
