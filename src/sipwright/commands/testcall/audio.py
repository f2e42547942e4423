"""The session descriptions of the simulated phones, and how the other end should get to see them.

The phones write private addresses, as phones behind a NAT do. What has to become of those is worked out here
anew, without a look at the code of the switch.
"""

from __future__ import annotations

import re

from sipwright.sdp import is_private

__all__ = ["as_seen", "describe", "without_addresses"]

_ADDRESS = re.compile(rb"^c=IN IP[46] \S+", re.M)


def describe(
    address: str, port: int, *, version: int = 1, direction: str = "sendrecv", video: str | None = None
) -> bytes:
    """Return a session description with audio, and with video at an address of its own if asked for.

    It also has what must cross as it is: an origin, and an ICE candidate, with the same private address.
    """
    lines = [
        "v=0",
        f"o=phone 20 {version} IN IP4 {address}",
        "s=call-test",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        f"a=candidate:1 1 UDP 2130706431 {address} {port} typ host",
        f"a={direction}",
    ]
    if video is not None:
        lines += [f"m=video {port + 2} RTP/AVP 99", f"c=IN IP4 {video}", "a=rtpmap:99 H264/90000"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def as_seen(address: str, source: str, far_source: str, public_address: str | None) -> str:
    """Return what the far end is to see in the place of a media address.

    Args:
        address: As the phone wrote it.
        source: Where the phone's messages really come from.
        far_source: Where those of the other end come from; the same means that both are behind one NAT.
        public_address: What the outside is to see of phones in the network of the switch itself.
    """
    if not is_private(address) or source == far_source:
        return address
    if public_address is not None and is_private(source) and not is_private(far_source):
        return public_address
    return source


def without_addresses(body: bytes) -> bytes:
    """Return a description with its media addresses blanked, to compare all the rest."""
    return _ADDRESS.sub(b"c=", body)
