"""REGISTER, answered in full (RFC 3261 §10.3): whose it is, what it asks, stored, then 200.

Who sent it is found out in `services/authentication`, what its Contacts ask for in `contacts.py`, and what becomes
of the bindings in `bindings.py`; here the steps are put in order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from sipwright.services.authentication import Authenticator
from sipwright.services.own_probes import sign_of_life
from sipwright.services.ports import AccountView, Clock, Directory, Row, Writer
from sipwright.services.refusals import not_served, store_away
from sipwright.services.registrar.bindings import Binding, Change, OutOfOrder, changed, cleared, is_repeated
from sipwright.services.registrar.contacts import (
    LONGEST_CONTACT,
    Lifetimes,
    clears_all,
    lifetime,
    numbers_flow,
    read_changes,
)
from sipwright.services.registrar.location import LocationTable
from sipwright.services.registrar.quick import Quick
from sipwright.sip import ParseError, Reject, Request, format_date
from sipwright.sip.grammar import split_list
from sipwright.sip.usual_register import UsualRegister
from sipwright.stack import Incoming

__all__ = ["BindingWatch", "Registrar", "RegistrarSnapshot"]

log = structlog.get_logger(__name__)

MOST_BINDINGS = 10

_EXTENSIONS = frozenset({"path", "outbound"})
_LONGEST_PATH = 2048
_LONGEST_CALL_ID = 512
_FLOW_TIMER = "120"
"""Seconds within which a phone is to show that it still has its flow (RFC 5626 §4.4): as it would over TCP anyway."""
_LONGEST_USER_AGENT = 128


@dataclass(frozen=True, slots=True)
class RegistrarSnapshot:
    """How the registrar is doing: what it holds now, and what it did since it started."""

    accounts: int
    bindings: int
    accepted: int
    expired: int
    added: int


class Asked(Protocol):
    """A REGISTER as far as its answer needs it, whichever way it was read."""

    @property
    def now(self) -> float:
        """When it came, as a monotonic instant."""

    def respond(
        self, status: int, reason: str | None = None, *, headers: Iterable[tuple[str, str]] = ()
    ) -> object:
        """Answer it."""


class BindingWatch(Protocol):
    """A watch over the bindings."""

    def changed(self, account_id: int, before: Sequence[Binding], after: Sequence[Binding], why: str) -> None:
        """Take note that the bindings of an account have changed, or were only refreshed."""


class Registrar:
    """The pipeline step for REGISTER, and the owner of the location table."""

    methods = ("REGISTER",)

    def __init__(
        self,
        directory: Directory,
        writer: Writer,
        authenticator: Authenticator,
        locations: LocationTable,
        *,
        unix_time: Clock = time.time,
        most_bindings: int = MOST_BINDINGS,
        lifetimes: Lifetimes | None = None,
        on_registered: Callable[[int], None] | None = None,
    ) -> None:
        """Get ready.

        Args:
            directory: The accounts and the domains that we serve.
            writer: Where bindings are stored.
            authenticator: Who finds out whose a request is.
            locations: The bindings, by account.
            unix_time: Wall-clock time, for the Date of the responses and for what is stored.
            most_bindings: How many bindings an account may have.
            lifetimes: The bounds of what a phone may ask for.
            on_registered: Called with the account of a phone whose binding is new or fresh.
        """
        self.locations = locations
        self._directory = directory
        self._writer = writer
        self._authenticator = authenticator
        self._unix_time = unix_time
        self._most_bindings = most_bindings
        self._lifetimes = lifetimes or Lifetimes()
        self._on_registered = on_registered or _nobody_asks
        self.watch: BindingWatch | None = None
        self.on_expired_elsewhere: Callable[[int], object] = _nobody_asks
        """Is told of the account of a phone at another node whose time is over, as far as is known here."""
        self.accepted = 0
        """How many REGISTERs were answered 200."""
        self._expired = self._added = 0

    def __call__(self, incoming: Incoming) -> bool:
        """Answer a REGISTER; leave everything else."""
        request = incoming.request
        if request.method not in self.methods:
            return False
        uri, to = request.request_uri, request.to_uri
        served_domain = self._directory.served_domain
        domain = served_domain(to.host, to.port)
        is_same = uri.host == to.host and uri.port == to.port
        if domain is None or not (is_same or served_domain(uri.host, uri.port) is not None):
            raise not_served(to.host if domain is None else uri.host)
        if "require" in request.headers.index():
            _refuse_unknown_extensions(request)
        account = self._authenticator.authenticate(incoming, domain, self._is_repeated)
        if account is None:
            return True
        # The nonce is used up now: repeated, this request would be challenged anew, so it has to be absorbed.
        _ = incoming.transaction
        owner = self._directory.account(to.user or "", domain)
        if owner is None or owner.id != account.id:
            raise Reject(
                403, "Address Is Not Yours",
                why=f"{account.username}@{domain} would register {to.user}@{domain}; "
                "the phone needs the same name as user and for authentication",
            )  # fmt: skip
        self._register(incoming, account.id)
        return True

    def take(self, asked: Quick) -> bool:
        """Do what `__call__` does with a REGISTER that there is nothing to be said against, and challenge one that has
        no credentials; False leaves any other as if it had not come.

        Raises:
            Reject: All was right with it, and it cannot be stored.
        """
        read, directory = asked.read, self._directory
        user, host, port, answer = read.user, read.host, read.port, read.answer
        domain = directory.served_domain(host, port)
        if domain is None or not asked.stack.layer.is_new(asked.key, asked.merge_key):
            return False
        if read.uri_port != port and directory.served_domain(host, read.uri_port) is None:
            return False
        if answer is None:
            asked.challenge(self._authenticator.challenge_to(asked, domain, user))
            return True
        owner = directory.account(user, domain)
        do = self._wish(asked, 0 if owner is None else owner.id)
        if do is None or answer[0] != user or answer[1] != domain or self._writer.is_away:
            return False
        if not self._authenticator.accepts(asked, answer, owner, "REGISTER", read.uri, domain):
            return False
        asked.begin()
        do()
        return True

    def _wish(self, asked: Quick, account_id: int) -> Callable[[], None] | None:
        """Return what does what a REGISTER asks for; None if that may not be done."""
        read, second, contact = asked.read, int(asked.now), asked.read.contact
        if not contact or len(contact) > LONGEST_CONTACT or len(read.call_id) > _LONGEST_CALL_ID:
            return None
        is_behind_nat = not (read.is_there or read.path or asked.flow.is_reliable)
        granted = lifetime(read.expires, self._lifetimes, is_behind_nat=is_behind_nat)
        if granted is None or len(read.path) > _LONGEST_PATH:
            return None
        sole = self.locations.sole(account_id)
        if granted and account_id >= 0 and self.watch is None and sole is not None:
            if not sole:
                return partial(self._store_sole, asked, account_id, granted)
            expires_at, cseq, call_id, _, _, known = sole
            is_later = call_id != read.call_id or read.cseq > int(cseq)
            if known == contact and int(expires_at) >= second and is_later:
                return partial(self._store_sole, asked, account_id, granted, is_known=True)
        return self._change(asked, account_id, granted)

    def _change(self, asked: Quick, account_id: int, granted: int) -> Callable[[], None] | None:
        """Return what changes the bindings of an account that may have several; None if that may not be done."""
        read, second, known = asked.read, int(asked.now), self.locations.bindings(account_id)
        q = 1.0 if read.q is None else float(read.q)
        uri = read.contact[1 : read.contact.index(">")]
        change = Change(uri, read.contact, granted, q, read.instance, read.reg_id)
        template = Binding(second, read.cseq, read.call_id, asked.flow.key, _listed(read.path), "")
        valid = [binding for binding in known if binding.expires_at >= second]
        try:
            bindings, fresh = changed(valid, (change,), template, self._most_bindings)
        except (OutOfOrder, ParseError):
            return None
        if bindings and not known and self.locations.is_full:
            return None
        return partial(
            self._store, asked, account_id, known, bindings, fresh, read.user_agent, is_outbound=_is_outbound(read)
        )  # fmt: skip

    def _store_sole(self, asked: Quick, account_id: int, granted: int, *, is_known: bool = False) -> None:
        """Do what `_store` does for an account with one phone: it is new, or says what it has said before."""
        read, now_unix = asked.read, self._unix_time()
        contact, key, path = read.contact, asked.flow.key, _listed(read.path) if read.path else ""
        lines = f"Contact: {contact};expires={granted}\r\nDate: {format_date(now_unix)}\r\n"
        if path:
            lines += f"Path: {path}\r\nSupported: path\r\n"
        elif read.reg_id is not None and _is_outbound(read):
            lines += f"Require: outbound\r\nFlow-Timer: {_FLOW_TIMER}\r\n"
        agent = read.user_agent
        row = (
            account_id, contact, 1.0 if read.q is None else float(read.q), key, path or None, read.call_id, read.cseq,
            now_unix + granted, None if agent is None else agent[:_LONGEST_USER_AGENT], read.instance, read.reg_id,
            now_unix,
        )  # fmt: skip
        asked.accept_later(lines, self, is_known=is_known)
        self._writer.put("binding", (account_id, contact), row, asked)
        second = int(asked.now)
        self.locations.put_sole(account_id, second + granted, read.cseq, read.call_id, key, path, contact)
        self._added += not is_known
        self._on_registered(account_id)

    def expire(self, now: float) -> None:
        """Forget bindings whose time is over; to be called every second or so."""
        for account_id, binding in self.locations.expire(now):
            if "!" in binding.source:
                # It is another node's, where it may have been refreshed.
                self.on_expired_elsewhere(account_id)
                continue
            self._expired += 1
            log.debug("binding expired", account_id=account_id, contact=binding.contact)
            self._delete(account_id, binding)
            if self.watch is not None:
                self.watch.changed(account_id, (binding,), (), "expired")

    def forget(self, account_id: int) -> None:
        """Drop the bindings of an account that is no more."""
        bindings = self.locations.bindings(account_id)
        for binding in bindings:
            self._delete(account_id, binding)
        self.locations.put(account_id, [])
        if self.watch is not None:
            self.watch.changed(account_id, bindings, (), "account removed")

    def remove(self, account_id: int, contact: str, then: Callable[[], None]) -> bool:
        """Forget one binding of an account, and call `then` when that is stored; False if there is none.

        Raises:
            Reject: Nothing can be stored now.
        """
        bindings = self.locations.bindings(account_id)
        left = [binding for binding in bindings if contact not in (binding.contact, binding.uri)]
        if len(left) == len(bindings):
            return False
        for binding in bindings:
            if binding not in left:
                self._writer.put("binding", (account_id, binding.contact), None, then)
        self.locations.put(account_id, left)
        if self.watch is not None:
            self.watch.changed(account_id, bindings, left, "removed by its owner")
        return True

    def snapshot(self) -> RegistrarSnapshot:
        """Tell how the registrar is doing."""
        return RegistrarSnapshot(
            len(self.locations), self.locations.bindings_count, self.accepted, self._expired, self._added
        )

    def _delete(self, account_id: int, binding: Binding) -> None:
        try:
            self._writer.put("binding", (account_id, binding.contact), None)
        except Reject:
            # The database is away.  The row is found expired, or without its account, at the next start.
            log.debug("binding not deleted", account_id=account_id, contact=binding.contact)

    def _register(self, incoming: Incoming, account_id: int) -> None:
        request, second = incoming.request, int(incoming.now)
        known = self.locations.bindings(account_id)
        bindings = [binding for binding in known if binding.expires_at >= second]
        if "contact" not in request.headers.index():
            self._accept(incoming, bindings, "", self._unix_time(), is_outbound=False)
            return
        template = _template(incoming, second)
        fresh: list[tuple[Change, Binding]] = []
        changes: list[Change] = []
        try:
            if request.sole_contact is None and clears_all(request):
                bindings = cleared(bindings, template)
            else:
                changes = read_changes(incoming, self._lifetimes, has_path=template.path != "")
                bindings, fresh = changed(bindings, changes, template, self._most_bindings)
        except OutOfOrder:
            if not is_repeated(bindings, changes, template):
                raise Reject(500, "CSeq Is Not Higher Than The Last One") from None
            is_outbound = _wants_outbound(request)
            self._accept(incoming, bindings, template.path, self._unix_time(), is_outbound=is_outbound)
            return
        if bindings and not known and self.locations.is_full:
            raise Reject(503, "Too Many Bindings", (("Retry-After", "600"),))
        self._store(
            incoming, account_id, known, bindings, fresh, request.headers.get("User-Agent"),
            is_outbound=_wants_outbound(request),
        )  # fmt: skip

    def _is_repeated(self, incoming: Incoming, account: AccountView) -> bool:
        """Return whether a REGISTER asks for nothing but what it has had already."""
        request = incoming.request
        if "contact" not in request.headers.index() or clears_all(request):
            return False
        second = int(incoming.now)
        template = _template(incoming, second)
        bindings = [one for one in self.locations.bindings(account.id) if not one.has_expired(second)]
        changes = read_changes(incoming, self._lifetimes, has_path=template.path != "")
        return is_repeated(bindings, changes, template)

    def _store(
        self,
        asked: Asked,
        account_id: int,
        known: list[Binding],
        bindings: list[Binding],
        fresh: list[tuple[Change, Binding]],
        user_agent: str | None,
        *,
        is_outbound: bool,
    ) -> None:
        """Write what has changed, and say 200 when it is safe."""
        now_unix = self._unix_time()
        writes: list[tuple[str, Row | None]] = []
        for pair in fresh:
            writes.append((pair[1].contact, _row(account_id, pair, user_agent, now_unix)))
        if known and not (len(known) == len(bindings) == 1 and known[0].contact == bindings[0].contact):
            # Last, since the writer may be full after the first: too much is then stored, and not too little.
            left = [binding.contact for binding in bindings]
            writes += [(binding.contact, None) for binding in known if binding.contact not in left]
        path = fresh[0][1].path if fresh else ""
        accept = partial(self._accept, asked, bindings, path, now_unix, is_outbound=is_outbound)
        if not writes:
            accept()
            return
        if self.watch is not None:
            accept = partial(self._accept_watched, accept, account_id, known, bindings)
        contact, row = writes.pop()
        if self._writer.is_away:
            self._while_away(account_id, known, bindings, accept)
            return
        waiting = _Waiting(asked, accept, is_known=_is_known(known, bindings))
        if account_id < 0:  # of a probe, whose phone is at this node alone
            self._writer.put("rollup", (0, 0, ""), sign_of_life(""), waiting)
        else:
            for other, other_row in writes:
                self._writer.put("binding", (account_id, other), other_row)
            self._writer.put("binding", (account_id, contact), row, waiting)
        self._added += max(0, len(bindings) - len(known))
        self.locations.put(account_id, bindings)
        if fresh:
            self._on_registered(account_id)

    def _accept_watched(
        self, accept: Callable[[], None], account_id: int, known: list[Binding], bindings: list[Binding]
    ) -> None:
        accept()
        if self.watch is not None:
            self.watch.changed(account_id, known, bindings, "the phone said so")

    def _while_away(
        self, account_id: int, known: list[Binding], bindings: list[Binding], accept: Callable[[], None]
    ) -> None:
        """Refresh a phone that is known where nothing can be stored: what is stored of it leads to it still."""
        if not _is_known(known, bindings):
            raise store_away()
        self.locations.put(account_id, bindings)
        self._on_registered(account_id)
        accept()

    def _accept(
        self, asked: Asked, bindings: list[Binding], path: str, now_unix: float, *, is_outbound: bool
    ) -> None:
        second = int(asked.now)
        headers = [("Contact", f"{contact};expires={at - second}") for at, _, _, _, _, contact in bindings]
        headers.append(("Date", format_date(now_unix)))
        if path:
            headers += ("Path", path), ("Supported", "path")
        elif is_outbound:
            headers += ("Require", "outbound"), ("Flow-Timer", _FLOW_TIMER)
        self.accepted += 1
        asked.respond(200, headers=headers)


class _Waiting:
    """The answer to a REGISTER that waits for its commit, or for word that there will be none for a while."""

    __slots__ = ("_accept", "_asked", "_is_known")

    def __init__(self, asked: Asked, accept: Callable[[], None], *, is_known: bool) -> None:
        self._asked = asked
        self._accept: Callable[[], None] | None = accept
        self._is_known = is_known

    def __call__(self) -> None:
        accept, self._accept = self._accept, None
        if accept is not None:
            accept()

    def store_is_away(self) -> None:
        """Answer now: a phone that was known hears that it still is, any other has to come back."""
        if self._is_known:
            self()
        elif self._accept is not None:
            self._accept = None
            refusal = store_away()
            self._asked.respond(refusal.status, refusal.reason, headers=refusal.headers)


def _wants_outbound(request: Request) -> bool:
    """Return whether a phone has numbered the flow that it registers, which no proxy is in (RFC 5626 §6)."""
    index = request.headers.index()
    if "supported" not in index and "require" not in index:
        return False
    options = [*request.headers.get_list("Supported"), *request.headers.get_list("Require")]
    return _has_outbound(options) and "contact" in index and any(map(numbers_flow, request.contacts))


def _is_outbound(read: UsualRegister) -> bool:
    """Return what `_wants_outbound` does of a REGISTER that was read in one pass."""
    return read.reg_id is not None and _has_outbound(split_list(read.supported))


def _has_outbound(options: Iterable[str]) -> bool:
    return any(option.lower() == "outbound" for option in options)


def _is_known(known: list[Binding], bindings: list[Binding]) -> bool:
    """Return whether these are the bindings that were there already, refreshed."""
    return bool(known) and {one.contact for one in known} == {one.contact for one in bindings}


def _nobody_asks(account_id: int) -> None:
    """Take no notice of a registration."""


def _refuse_unknown_extensions(request: Request) -> None:
    """Check Require (RFC 3261 §8.2.2.3)."""
    unknown = [tag for tag in request.headers.get_list("Require") if tag.lower() not in _EXTENSIONS]
    if unknown:
        raise Reject(420, headers=(("Unsupported", ", ".join(unknown)),))


def _template(incoming: Incoming, second: int) -> Binding:
    """Return what all bindings that a REGISTER makes have in common."""
    request, path = incoming.request, ""
    if "path" in request.headers.index():
        path = ", ".join(request.headers.get_list("Path"))
    return _checked(Binding(second, request.cseq.number, request.call_id, incoming.flow.key, path, ""))


def _checked(template: Binding) -> Binding:
    if len(template.path) > _LONGEST_PATH or len(template.call_id) > _LONGEST_CALL_ID:
        raise Reject(400, "Path Or Call-ID Is Too Long")
    return template


def _listed(path: str) -> str:
    """Return what a Path says with its values as all Paths are written."""
    return ", ".join([part for part in split_list(path) if part]) if path else ""


def _row(account_id: int, pair: tuple[Change, Binding], user_agent: str | None, now_unix: float) -> Row:
    (_, contact, granted, q, instance, reg_id), (_, cseq, call_id, source, path, _) = pair
    if user_agent is not None:
        user_agent = user_agent[:_LONGEST_USER_AGENT]
    expires_at = now_unix + granted
    return (
        account_id,
        contact,
        q,
        source,
        path or None,
        call_id,
        cseq,
        expires_at,
        user_agent,
        instance,
        reg_id,
        now_unix,
    )
