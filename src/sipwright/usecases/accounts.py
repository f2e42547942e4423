"""Accounts: the SIP identities that phones register as."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection

from sipwright.store.admin import accounts, bans
from sipwright.store.admin.account_import import ImportResult
from sipwright.store.admin.account_pages import AccountRow, is_named, read_one, read_page
from sipwright.store.admin.specs import AccountChange, AccountSpec
from sipwright.store.history import binding_pages
from sipwright.store.schema.entities import Account
from sipwright.usecases.actor import Actor
from sipwright.usecases.bindings import BindingView, binding_view, neighbours
from sipwright.usecases.errors import Invalid, NotFound, Unavailable, translated
from sipwright.usecases.etags import etag_of, require, shown
from sipwright.usecases.ground import Ground
from sipwright.usecases.messages_waiting import MessagesWaiting, keep_messages, messages_of
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.phone_settings import PhoneSettings, phone_settings
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted, note
from sipwright.usecases.watching import Change, changed, members_of, only, set_members, watch, watched_by
from sipwright.usecases.whose import account_of, narrowed, owner

__all__ = ["AccountDetail", "AccountView", "Accounts"]


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account; `bindings` is how many phones are registered, `fault` why nobody can use it.

    `watched_by` says who sees that it has calls (`lamp`), or also with whom (`parties`); `members` are the accounts
    that it is a list of, for phones that watch lists.
    """

    id: int
    account: str
    name: str
    domain: str
    user: str
    out_plan: str | None
    in_plan: str | None
    algorithm: str
    enabled: bool
    most_calls: int | None
    do_not_disturb: bool
    watched_by: dict[str, str]
    members: list[str]
    keep_alive: str | None
    created_at: float
    bindings: int
    fault: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """An account with its phones, what to type into the next one, a way to reach us each, and its messages."""

    account: AccountView
    bindings: tuple[BindingView, ...]
    phone: tuple[PhoneSettings, ...]
    messages: MessagesWaiting


class Accounts:
    """Makes, shows, changes and removes accounts."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[AccountView]:  # fmt: skip
        """List accounts by name; `q` is a part of the address or of the owner's name."""
        place, keys, now = place_of(cursor, "accounts", str, int), self._ground.keys, self._ground.now

        def work(connection: Connection) -> Page[AccountView]:
            owner_id = narrowed(connection, actor, user)
            return paged(
                "accounts",
                limit,
                lambda most: read_page(connection, keys, now, most, place, user_id=owner_id, q=q),
                lambda row: row.place,
                _view,
            )

        return await self._ground.read(work)

    @needs("read")
    async def get(self, actor: Actor, name: str) -> AccountDetail:
        """Show an account by ``name`` or ``name@domain``."""
        now, clock = self._ground.now, self._ground.administration.clock

        def work(connection: Connection) -> AccountDetail:
            found = account_of(connection, self._ground.keys, actor, name)
            rows = binding_pages.read_page(connection, now, 1_000, account_id=found.id)
            bindings = tuple(
                binding_view(row, clock.ahead(), neighbours(connection, actor, now, row)) for row in rows
            )
            phone = phone_settings(self._ground.settings, found.username, found.domain)
            messages = messages_of(connection, found.id)
            return AccountDetail(self._read(connection, found), bindings, phone, messages)

        return await self._ground.read(work)

    @needs("read")
    async def expect(self, actor: Actor, name: str) -> None:
        """Make sure that there is an account of that name, which something is looked for by.

        Raises:
            NotFound: There is none in any domain that the actor may see.
        """

        def work(connection: Connection) -> None:
            owner_id = narrowed(connection, actor, None)
            if not is_named(connection, name, owner_id):
                raise NotFound(f"there is no account {name}; 'sipwright account list' shows them")

        await self._ground.read(work)

    @needs("write")
    async def create(self, actor: Actor, spec: AccountSpec, domain: str | None = None) -> AccountView:
        """Make an account, the actor's unless an admin names another user."""

        def work(connection: Connection) -> AccountView:
            whose = replace(spec, user=owner(connection, actor, spec.user).name)
            view = self._read(connection, accounts.add(connection, self._ground.keys, whose, domain))
            note(connection, actor, "accounts.create", view.account, None, shown(view))
            return view

        return await self._ground.change(work)

    @needs("write")
    async def change(
        self, actor: Actor, name: str, change: AccountChange, *, if_match: str | None = None
    ) -> AccountView:
        """Change what is given of an account; with `if_match` only if that is still its etag."""
        self._refuse_more_calls(actor, change.most_calls)

        def work(connection: Connection) -> AccountView:
            found = account_of(connection, self._ground.keys, actor, name)
            before = self._read(connection, found)
            require(before, if_match, f"account {before.account}")
            after = self._read(connection, accounts.change(connection, self._ground.keys, found.aor, change))
            old, new = shown(before), shown(after)
            if change.password is not None:
                # What it is stays secret; that it is another one does not. A name that says so would be left out.
                old, new = {**old, "credentials": "as they were"}, {**new, "credentials": "others"}
            note(connection, actor, "accounts.change", after.account, old, new)
            return after

        return await self._ground.change(work)

    @needs("write")
    async def unlock(self, actor: Actor, name: str) -> tuple[str, Sequence[str]]:
        """Look at passwords of an account again after many wrong ones; returns its name, and who is banned no more."""
        now = self._ground.unix_time()

        def work(connection: Connection) -> tuple[str, Sequence[str]]:
            found = account_of(connection, self._ground.keys, actor, name)
            networks = bans.lift(connection, [found.id], now)
            note(connection, actor, "accounts.unlock", found.aor, None, {"networks": networks})
            return found.aor, networks

        return await self._ground.change(work)

    @needs("write")
    async def watch(
        self, actor: Actor, name: str, *, allow: Iterable[str] = (), forbid: Iterable[str] = (),
        has_parties: bool = False,
    ) -> dict[str, str]:  # fmt: skip
        """Let others watch an account, or no more; returns who may, and what they see: the lamp or the parties too."""
        return await self._watch(actor, name, changed(allow, forbid, has_parties=has_parties))

    @needs("write")
    async def set_watched_by(
        self, actor: Actor, name: str, watched_by: Mapping[str, str], *, if_match: str | None = None
    ) -> dict[str, str]:
        """Say who watches an account, and nobody else: each sees the `lamp`, or the `parties` too."""
        return await self._watch(actor, name, only(watched_by), if_match)

    @needs("write")
    async def set_members(
        self, actor: Actor, name: str, members: Sequence[str], *, if_match: str | None = None
    ) -> Sequence[str]:
        """Make an account a list of others, which phones watch as one, or of nobody; returns its members."""
        keys = self._ground.keys

        def work(connection: Connection) -> Sequence[str]:
            found = account_of(connection, keys, actor, name)
            require(self._read(connection, found), if_match, f"account {found.aor}")
            return set_members(connection, keys, actor, found, members)

        return await self._ground.change(work)

    async def _watch(
        self, actor: Actor, name: str, change: Change, if_match: str | None = None
    ) -> dict[str, str]:
        keys = self._ground.keys

        def work(connection: Connection) -> dict[str, str]:
            found = account_of(connection, keys, actor, name)
            require(self._read(connection, found), if_match, f"account {found.aor}")
            return watch(connection, keys, actor, found, change)

        return await self._ground.change(work)

    @needs("write")
    async def set_messages(self, actor: Actor, name: str, new: int, old: int = 0, *, urgent: int = 0) -> str:
        """Let the phones of an account show how many voice messages wait; returns its whole name."""
        messages = MessagesWaiting(new, old, urgent)
        messages.check()
        found = await self._ground.read(lambda c: account_of(c, self._ground.keys, actor, name))
        noted = Noted.of(actor, "accounts.set_messages", found.aor, None, asdict(messages))

        def work(connection: Connection) -> None:
            keep_messages(connection, found.id, messages, self._ground.now)
            noted.write(connection)

        try:
            await self._ground.ask(
                "messages.waiting", account_id=found.id, new=new, old=old, urgent_new=urgent
            )
        except Unavailable:
            await self._ground.change(work)  # the next switch finds it in the database
        else:
            await self._ground.record(noted)
        return found.aor

    @needs("write")
    async def remove(
        self, actor: Actor, name: str, *, force: bool = False, if_match: str | None = None
    ) -> AccountView:
        """Remove an account and its bindings; one that takes the calls of a provider only by `force`."""

        def work(connection: Connection) -> AccountView:
            found = account_of(connection, self._ground.keys, actor, name)
            view = self._read(connection, found)
            require(view, if_match, f"account {view.account}")
            accounts.remove(connection, self._ground.keys, found.aor, force=force)
            note(connection, actor, "accounts.remove", view.account, shown(view))
            return view

        return await self._ground.change(work)

    @needs("write", admin=True)
    async def import_many(
        self,
        actor: Actor,
        specs: Iterable[AccountSpec],
        *,
        user: str | None = None,
        domain: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportResult:
        """Add or change many accounts: all of them, or none when a line is wrong."""
        owned = user or actor.name
        with translated():
            result = await self._ground.administration.import_accounts(
                specs, user=owned, domain=domain, progress=progress
            )
        values = {"added": result.added, "changed": result.changed}
        await self._ground.change(lambda c: note(c, actor, "accounts.import", f"of {owned}", None, values))
        return result

    def _read(self, connection: Connection, account: Account) -> AccountView:
        return _view(read_one(connection, self._ground.keys, self._ground.now, account.id))

    def _refuse_more_calls(self, actor: Actor, most_calls: int | None) -> None:
        usual = self._ground.settings.sip.calls_per_account
        if not actor.is_admin and (most_calls or 0) > usual:
            raise Invalid.of("most_calls", f"an account may have {usual} calls; an admin may allow it more")


def _view(row: AccountRow) -> AccountView:
    account = row.account
    set_ = (
        account.aor, row.user, row.out_plan, row.in_plan, account.algorithm, bool(account.is_enabled),
        account.most_calls, bool(account.do_not_disturb), account.watched_by,
        row.keep_alive, *([account.members] if account.members else []),
    )  # fmt: skip
    return AccountView(
        id=account.id,
        account=account.aor,
        name=account.username,
        domain=account.domain,
        user=row.user,
        out_plan=row.out_plan,
        in_plan=row.in_plan,
        algorithm=account.algorithm,
        enabled=bool(account.is_enabled),
        most_calls=account.most_calls,
        do_not_disturb=bool(account.do_not_disturb),
        watched_by=watched_by(account.watched_by),
        members=members_of(account.members),
        keep_alive=row.keep_alive,
        created_at=row.created_at,
        bindings=row.bindings,
        fault=account.fault,
        etag=etag_of(account.id, *set_),
    )
