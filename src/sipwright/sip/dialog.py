"""Dialogs: what two user agents remember about each other (RFC 3261 §12).

A dialog is plain data.  It builds the requests of one end and checks those of the other; `to_state` and
`from_state` carry it from one process to the next.  Which dialog a message belongs to is for the stack
to find out, by `Dialog.id`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sipwright.sip.build import Written, make_request, write_in_dialog
from sipwright.sip.errors import ParseError
from sipwright.sip.form import Form
from sipwright.sip.headers.collection import value_of
from sipwright.sip.headers.name_addr import ADDRESS_LINES, NameAddr
from sipwright.sip.message import Message, Request, Response
from sipwright.sip.uri import Uri, as_request_uri

# Requests whose Contact, and that of whose 2xx, is where the peer is to be found from now on
# (RFC 3261 §12.2, RFC 3311 §5, RFC 6665 §4.4.1).
_REFRESHES_TARGET = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


class Dialog:
    """One end of a dialog.

    Attributes:
        call_id: The Call-ID.
        local_tag: The tag that we gave.
        remote_tag: The tag that the peer gave; empty if it gave none, as RFC 2543 allowed.
        local_uri: Our name and address as From or To has it, without parameters.
        remote_uri: The peer's.
        local_cseq: The number of our last request.
        remote_cseq: The number of the peer's last request, or None.
        route_set: The values of the Route header, next hop first.
        remote_target: The URI where the peer is to be found.
    """

    __slots__ = (
        "call_id",
        "local_cseq",
        "local_tag",
        "local_uri",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "remote_uri",
        "route_set",
    )

    def __init__(  # noqa: PLR0913 (the state of a dialog, RFC 3261 §12)
        self,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        *,
        local_uri: str,
        remote_uri: str,
        remote_target: str,
        route_set: Iterable[str] = (),
        local_cseq: int = 0,
        remote_cseq: int | None = None,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local_uri = local_uri
        self.remote_uri = remote_uri
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.route_set = list(route_set)
        self.remote_target = remote_target

    @classmethod
    def as_uas(cls, request: Request, local_tag: str) -> Dialog:
        """Make the dialog that our response with this To tag establishes (§12.1.1)."""
        return cls(
            request.call_id,
            local_tag,
            request.from_tag or "",
            local_uri=address_of(request, "to"),
            remote_uri=address_of(request, "from"),
            remote_target=contact_uri(request) or _sender_uri(request),
            route_set=_record_route(request),
            remote_cseq=request.cseq.number,
        )

    @classmethod
    def as_uac(cls, request: Request, response: Response) -> Dialog:
        """Make the dialog that the peer's response to our request establishes (§12.1.2)."""
        return cls(
            request.call_id,
            request.from_tag or "",
            response.to_tag or "",
            local_uri=address_of(request, "from"),
            remote_uri=address_of(request, "to"),
            # Some phones leave the Contact out of a 180; they can be reached where the request went.
            remote_target=contact_uri(response) or request.uri_text,
            route_set=_record_route(response)[::-1],
            local_cseq=request.cseq.number,
        )

    @classmethod
    def of_answer(cls, response: Response, target: str) -> Dialog:
        """Make the dialog of a 2xx to an INVITE of ours that is not kept any more; `target` is where that was sent."""
        return cls(
            response.call_id,
            response.from_tag or "",
            response.to_tag or "",
            local_uri=address_of(response, "from"),
            # Its tag is no part of it: whoever was called is who our INVITE named.
            remote_uri=address_of(response, "to"),
            remote_target=contact_uri(response) or target,
            route_set=_record_route(response)[::-1],
            local_cseq=response.cseq.number,
        )

    def confirm(self, response: Response) -> None:
        """Take over what the 2xx says, in the dialog that a provisional response has begun (§13.2.2.4)."""
        self.route_set = _record_route(response)[::-1]
        if response.headers.get("Contact") != f"<{self.remote_target}>":
            self.remote_target = contact_uri(response) or self.remote_target
        # The INVITE may have been sent again meanwhile, and other requests too.
        self.local_cseq = max(self.local_cseq, response.cseq.number)

    @property
    def id(self) -> tuple[str, str, str]:
        """What its messages have in common: Call-ID, local tag and remote tag."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def make_request(
        self,
        method: str,
        *,
        via: str | None = None,
        contact: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        cseq: int | None = None,
    ) -> Request:
        """Build the next request to the peer (§12.2.1.1).

        Args:
            method: The method.
            via: The top Via; without it the stack is to add one.
            contact: Our Contact, which every target refresh request should have.
            headers: More headers.
            body: The body.
            content_type: The type of the body.
            cseq: The number of the INVITE for an ACK; any other request takes the next one.
        """
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        target, routes = self._way()
        return make_request(
            method,
            target,
            from_=self.local_uri,
            to=self.remote_uri,
            call_id=self.call_id,
            cseq=cseq,
            from_tag=self.local_tag,
            to_tag=self.remote_tag,
            via=via,
            routes=routes,
            contact=contact,
            headers=headers,
            body=body,
            content_type=content_type,
        )

    def write_request(
        self,
        method: str,
        via: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        cseq: int | None = None,
    ) -> Written:
        """Write the next request to the peer as `make_request` builds it, for those who send it and look no further."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        target, routes = self._way()
        from_, to = self._addresses()
        return write_in_dialog(
            method, target, via, routes, from_, to, self.call_id, cseq, headers, body, content_type
        )

    def form(
        self,
        method: str,
        via: tuple[str, str],
        headers: Iterable[tuple[str, str]],
        last: str,
        content_type: str,
    ) -> Form:
        """Return what requests to the peer have in common, as long as its target is the same; see `Form`."""
        target, routes = self._way()
        from_, to = self._addresses()
        return Form(method, target, via, routes, from_, to, self.call_id, headers, last, content_type)

    def _addresses(self) -> tuple[str, str]:
        """Return both addresses with their tags."""
        from_, to = self.local_uri, self.remote_uri
        if self.local_tag:
            from_ = f"{from_};tag={self.local_tag}"
        if self.remote_tag:
            to = f"{to};tag={self.remote_tag}"
        return from_, to

    def next_hop(self) -> str:
        """Give the URI that says where a request is to be sent: the first route, else the target (§8.1.2)."""
        return uri_in_route(self.route_set[0]) if self.route_set else self.remote_target

    def accepts(self, request: Request) -> bool:
        """Check and note the CSeq of a request of the peer; False means that 500 is the answer (§12.2.2).

        ACK and CANCEL have the number of the request they belong to, so it says nothing about their order.
        """
        number, method = request.cseq
        if method in ("ACK", "CANCEL"):
            return True
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Message) -> None:
        """Take over the Contact of a target refresh request or of the 2xx to one (§12.2.1.2, §12.2.2)."""
        if message.cseq.method not in _REFRESHES_TARGET:
            return
        if isinstance(message, Response) and not message.is_success:
            return
        self.remote_target = contact_uri(message) or self.remote_target

    def to_state(self) -> dict[str, Any]:
        """Give, as JSON can hold it, all that its owner does not know: the Call-ID and our tag are the owner's."""
        return {
            "remote_tag": self.remote_tag,
            "local_uri": self.local_uri,
            "remote_uri": self.remote_uri,
            "local_cseq": self.local_cseq,
            "remote_cseq": self.remote_cseq,
            "route_set": self.route_set,
            "remote_target": self.remote_target,
        }

    @classmethod
    def from_state(cls, call_id: str, local_tag: str, state: dict[str, Any]) -> Dialog:
        """Make the dialog that `to_state` has described."""
        return cls(call_id, local_tag, **state)

    def __repr__(self) -> str:
        return f"<Dialog {self.id}>"

    def _way(self) -> tuple[str, list[str]]:
        """Give the Request-URI and the routes: loose routing, or strict as in RFC 2543 (§12.2.1.1)."""
        if not self.route_set:
            return self.remote_target, []
        try:
            first = Uri.parse(uri_in_route(self.route_set[0]))
        except ParseError:
            # Whoever wrote it may still know what it means.
            return self.remote_target, self.route_set
        if "lr" in first.params or not first.is_sip:
            return self.remote_target, self.route_set
        return as_request_uri(str(first)), [*self.route_set[1:], f"<{self.remote_target}>"]


def contact_uri(message: Message) -> str | None:
    """Give the URI of the first Contact, if there is one that says where the peer is, as only a SIP URI does.

    Raises:
        ParseError: It is that of a request, and cannot be read.
    """
    known = message.headers.parsed
    if "contact_uri" not in known:
        known["contact_uri"] = _read_contact(message)
    uri: str | None = known["contact_uri"]
    return uri


def _read_contact(message: Message) -> str | None:
    lines = message.headers.lines_of("contact")
    if len(lines) == 1 and (usual := ADDRESS_LINES[lines[0]]) and usual[0][0] == "<":
        # Of a single address nothing but the URI is of interest, once it is known to be one.
        try:
            uri = Uri.parse(usual[1])
        except ParseError:
            pass
        else:
            return as_request_uri(usual[1]) if uri.is_sip else None
    try:
        contacts = message.contacts
    except ParseError:
        if isinstance(message, Request):
            raise
        # A response cannot be refused, and what it answers has happened.
        return None
    return _target(contacts[0].uri) if contacts else None


def _target(uri: Uri) -> str | None:
    return as_request_uri(str(uri)) if uri.is_sip else None


def _sender_uri(request: Request) -> str:
    """Give where the peer is that leaves out the Contact, which is mandatory.

    Most likely where its From says; where that is a number, where its request has come from.
    """
    uri = request.from_.uri
    if uri.is_sip:
        return str(uri)
    via = request.top_via
    transport = via.transport.lower()
    params = {} if transport == "udp" else {"transport": transport}
    return str(Uri(host=via.received or via.host, port=via.rport or via.port, params=params))


def _record_route(message: Message) -> list[str]:
    headers = message.headers
    return headers.get_list("Record-Route") if "record-route" in headers.index() else []


def address_of(message: Message, key: str) -> str:
    """Give a From or To (by its key) without its parameters, and otherwise byte for byte: old peers compare it."""
    known = message.headers.parsed
    name = f"{key}_address"
    if name not in known:
        known[name] = _read_address(message.headers.first_line(key) or "")
    address: str = known[name]
    return address


def _read_address(line: str) -> str:
    if "\n" not in line and (usual := ADDRESS_LINES[line]):
        return usual[0]
    value = value_of(line)
    quoted = 0
    if value.startswith('"'):
        quoted = 1
        while quoted < len(value) and value[quoted] != '"':
            quoted += 2 if value[quoted] == "\\" else 1
    start = value.find("<", quoted)
    if start < 0:
        # Without angle brackets everything after ";" belongs to the header (§20).
        return f"<{value.partition(';')[0].strip()}>"
    return value[: value.find(">", start) + 1]


def uri_in_route(route: str) -> str:
    """Give the URI in a value of Route, which always has angle brackets, mostly at both ends (§20.30, §20.34)."""
    if route[:1] == "<":
        return route[1 : route.find(">")]
    try:
        return str(NameAddr.parse(route, "Route").uri)
    except ParseError:
        return route
