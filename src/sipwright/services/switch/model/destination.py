"""What a leg is to reach: the result of reading a dial string, or of asking where the phones of an account are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sipwright.services.leg_options import PLAIN, LegOptions
from sipwright.sip.dialog import uri_in_route

from .patience import Patience

__all__ = ["Destination"]


@dataclass(slots=True)
class Destination:
    """What a leg is to reach, and with which options; `target` is what was dialled.

    `flow` is the socket that a registered phone is behind; without it `uri` is resolved. `redirects` is how many
    redirects have led here, `redirected_by` the leg that the last of them came from, `diverted` why, if that has
    said so, and `q` what that preferred this at; `redirect_to` is the Contact of a redirect that is left to the
    script. A neighbour is a phone of another owner than the call's. A server has `answer_within` seconds for its
    first response; 0 is for as long as it may be. Where a call is `parked` it rings back after so many seconds, to
    that account. A provider is told that `number` calls, in the headers that `caller` names; where `is_route_named`
    it has chosen the first hop of the route itself (RFC 3608). With `patience` it is waited for a phone whose flow
    has failed; the next process begins anew with that.
    """

    target: str
    uri: str
    to: str
    flow: str | None = None
    route: Sequence[str] = ()
    account_id: int | None = None
    provider: tuple[int, str] | None = None
    options: LegOptions = PLAIN
    redirects: int = 0
    redirect_to: str = ""
    redirected_by: int = 0
    diverted: str = ""
    q: float = 1.0
    instance: str | None = None
    is_neighbour: bool = False
    answer_within: float = 0.0
    parked: tuple[float, int] | None = None
    caller: str = ""
    number: str = ""
    patience: Patience | None = None
    is_route_named: bool = False

    @property
    def place(self) -> tuple[str, str | None]:
        """What makes it the same as another one: the Request-URI, and the socket behind which that is."""
        return self.uri, self.flow

    @property
    def is_server(self) -> bool:
        """It is no phone, and nobody but its name or our settings has chosen where it is."""
        return self.flow is None and not self.is_route_named

    @property
    def next_hop(self) -> str:
        """The URI that says where the INVITE is sent to, when there is no flow."""
        return uri_in_route(self.route[0]) if self.route else self.uri
