"""REGISTER, answered in full (RFC 3261 §10.3): whose it is, what it asks, stored, then 200.

Who sent it is found out in `services/authentication`, what it asks for in `contacts.py`, and what becomes of the
bindings in `bindings.py`; `location_service.py` stores them and answers. Here the steps are put in order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.services.authentication import Authenticator
from sipwright.services.ports import AccountView, Directory
from sipwright.services.refusals import not_served
from sipwright.services.registrar.bindings import Binding, Change, OutOfOrder, changed, cleared, is_repeated
from sipwright.services.registrar.contacts import (
    LONGEST_CONTACT,
    Lifetimes,
    clears_all,
    is_usual_flow,
    is_usual_path,
    lifetime,
    listed_path,
    read_changes,
    read_path,
    read_wants_outbound,
    wants_outbound,
)
from sipwright.services.registrar.location_service import LocationService
from sipwright.services.registrar.quick import Quick
from sipwright.sip import ParseError, Reject, Request
from sipwright.stack import Incoming

__all__ = ["Registrar"]

MOST_BINDINGS = 10

_EXTENSIONS = frozenset({"path", "outbound"})
_LONGEST_PATH = 2048
_LONGEST_CALL_ID = 512


class Registrar:
    """The pipeline step for REGISTER."""

    methods = ("REGISTER",)

    def __init__(
        self,
        directory: Directory,
        authenticator: Authenticator,
        service: LocationService,
        *,
        most_bindings: int = MOST_BINDINGS,
        lifetimes: Lifetimes | None = None,
    ) -> None:
        """Get ready.

        Args:
            directory: The accounts and the domains that we serve.
            authenticator: Who finds out whose a request is.
            service: Where bindings are kept.
            most_bindings: How many bindings an account may have.
            lifetimes: The bounds of what a phone may ask for.
        """
        self._directory = directory
        self._authenticator = authenticator
        self._service = service
        self._locations = service.locations
        self._most_bindings = most_bindings
        self._lifetimes = lifetimes or Lifetimes()

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
        if do is None or answer[0] != user or answer[1] != domain or self._service.writer.is_away:
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
        if granted is None or (
            read.path and (len(read.path) > _LONGEST_PATH or not is_usual_path(read.path))
        ):
            return None
        if read.reg_id is not None and not is_usual_flow(read):
            return None
        sole = self._locations.sole(account_id)
        if granted and account_id >= 0 and self._service.watch is None and sole is not None:
            if not sole:
                return partial(self._service.store_sole, asked, account_id, granted)
            expires_at, cseq, call_id, _, _, known = sole
            is_later = call_id != read.call_id or read.cseq > int(cseq)
            if known == contact and int(expires_at) >= second and is_later:
                return partial(self._service.store_sole, asked, account_id, granted, is_known=True)
        return self._change(asked, account_id, granted)

    def _change(self, asked: Quick, account_id: int, granted: int) -> Callable[[], None] | None:
        """Return what changes the bindings of an account that may have several; None if that may not be done."""
        read, second, known = asked.read, int(asked.now), self._locations.bindings(account_id)
        q = 1.0 if read.q is None else float(read.q)
        uri = read.contact[1 : read.contact.index(">")]
        change = Change(uri, read.contact, granted, q, read.instance, read.reg_id)
        template = Binding(second, read.cseq, read.call_id, asked.flow.key, listed_path(read.path), "")
        valid = [binding for binding in known if binding.expires_at >= second]
        try:
            bindings, fresh = changed(valid, (change,), template, self._most_bindings)
        except (OutOfOrder, ParseError):
            return None
        if bindings and not known and self._locations.is_full:
            return None
        return partial(
            self._service.store, asked, account_id, known, bindings, fresh, read.user_agent,
            is_outbound=read_wants_outbound(read),
        )  # fmt: skip

    def _register(self, incoming: Incoming, account_id: int) -> None:
        request, second = incoming.request, int(incoming.now)
        known = self._locations.bindings(account_id)
        bindings = [binding for binding in known if binding.expires_at >= second]
        if "contact" not in request.headers.index():
            self._service.accept(incoming, bindings, "", is_outbound=False)
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
            self._service.accept(incoming, bindings, template.path, is_outbound=wants_outbound(request))
            return
        if bindings and not known and self._locations.is_full:
            raise Reject(503, "Too Many Bindings", (("Retry-After", "600"),))
        self._service.store(
            incoming, account_id, known, bindings, fresh, request.headers.get("User-Agent"),
            is_outbound=wants_outbound(request),
        )  # fmt: skip

    def _is_repeated(self, incoming: Incoming, account: AccountView) -> bool:
        """Return whether a REGISTER asks for nothing but what it has had already."""
        request = incoming.request
        if "contact" not in request.headers.index() or clears_all(request):
            return False
        second = int(incoming.now)
        template = _template(incoming, second)
        bindings = [one for one in self._locations.bindings(account.id) if not one.has_expired(second)]
        changes = read_changes(incoming, self._lifetimes, has_path=template.path != "")
        return is_repeated(bindings, changes, template)


def _refuse_unknown_extensions(request: Request) -> None:
    """Check Require (RFC 3261 §8.2.2.3)."""
    unknown = [tag for tag in request.headers.get_list("Require") if tag.lower() not in _EXTENSIONS]
    if unknown:
        raise Reject(420, headers=(("Unsupported", ", ".join(unknown)),))


def _template(incoming: Incoming, second: int) -> Binding:
    """Return what all bindings that a REGISTER makes have in common."""
    request, path = incoming.request, ""
    if "path" in request.headers.index():
        path = read_path(request)
    return _checked(Binding(second, request.cseq.number, request.call_id, incoming.flow.key, path, ""))


def _checked(template: Binding) -> Binding:
    if len(template.path) > _LONGEST_PATH or len(template.call_id) > _LONGEST_CALL_ID:
        raise Reject(400, "Path Or Call-ID Is Too Long")
    return template
