"""What a leg is to reach: the result of reading a dial string, or of asking where the phones of an account are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Destination"]


@dataclass(slots=True)
class Destination:
    """What a leg is to reach, and how the caller is to look to whoever is reached.

    `flow` is the socket that a registered phone is behind; without it `uri` is resolved. Times are seconds.
    `transfer` is whether a REFER crosses ("pass"), is refused ("refuse") or carried out by the switch ("place"); when
    nothing is said (""), it crosses unless somebody outside asks it of a phone of ours.
    `redirect` is who follows a 3xx: the switch ("follow") or the script, which then finds its Contact in `redirect_to`.
    """

    target: str
    uri: str
    to: str
    flow: str | None = None
    route: Sequence[str] = ()
    account_id: int | None = None
    provider: tuple[int, str] | None = None
    delay: float = 0.0
    limit: float | None = None
    mangle: bool = True
    from_name: str | None = None
    from_user: str | None = None
    from_host: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    redirects: int = 0
    transfer: str = ""
    redirect: str = "follow"
    redirect_to: str = ""
    instance: str | None = None

    @property
    def next_hop(self) -> str:
        """The URI that says where the INVITE is sent to, when there is no flow."""
        return self.route[0].strip("<>") if self.route else self.uri
