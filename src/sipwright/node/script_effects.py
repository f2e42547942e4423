"""What scripts ask of the world outside their calls, done: lookups, the web, mail, texts, calls back, the store.

This is the other half of `call_hosts.py`: there a script steers its own call, here it reaches beyond it. Each
answer is JSON, since it goes into the journal before the script sees it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from sipwright.services.dialplan import Ask, EffectError
from sipwright.services.dialplan.outside import EnumLookup, HttpClient, Mailer
from sipwright.services.dialstring import MAX_WRITTEN, DialLeg, Groups, parse_dial_string
from sipwright.services.notifier import Summary
from sipwright.services.rows import ExecutionRow
from sipwright.services.switch import Identity
from sipwright.sip import Reject
from sipwright.store import StoreError
from sipwright.store.errors import DatabaseAwayError
from sipwright.store.live.script_values import AGAIN, ScriptValues

if TYPE_CHECKING:
    from sipwright.services.registrar import LocationTable
    from sipwright.store import Account, Store
    from sipwright.store.crypto import KeyRing

__all__ = ["ScriptEffects", "Sealing"]

Effect = Callable[[Ask, ExecutionRow, int], Awaitable[Any]]


class Sealing:
    """What seals a script that knows a secret: the keys of the data folder."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt it."""
        return self._keys.seal(plain, place)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt it.

        Raises:
            ValueError: The key is not here.
        """
        try:
            return self._keys.open(sealed, place)
        except StoreError as error:
            raise ValueError(str(error)) from None


class Calls(Protocol):
    """What scripts ask of the switch beside their own calls."""

    def send_text(
        self,
        identity: Identity,
        sender: str,
        legs: Iterable[DialLeg],
        text: str,
        then: Callable[[bool], None],
    ) -> None:
        """Send a text to every phone that `legs` lead to; `then` is told whether somebody took it."""

    def pick_up(self, call_id: str, account_id: int) -> bool:
        """Let the caller of a call have the one that rings at an account; False when none does."""

    def park(self, call_id: str, slot: Account, seconds: float, back: int | None) -> bool:
        """Let the caller of a call wait at a slot; False if another one does.

        Raises:
            ValueError: There is nobody that it could ring back to.
        """

    def call_back(
        self, identity: Identity, sender: str, a: Groups, b: Groups, *, delay: float, ring: float
    ) -> str:  # fmt: skip
        """Call `a`, then `b`, and join them; returns the id of that call."""


class Elsewhere(Protocol):
    """The calls of other nodes."""

    async def pick_up(self, call_id: str, account_id: int) -> bool:
        """Let the caller of a call have the one that rings at an account there, or is parked; False when none does."""

    async def is_parked_at(self, account_id: int) -> bool:
        """Return whether a call is parked at a slot there."""


class ScriptEffects:
    """Does what scripts ask for beyond their own calls."""

    def __init__(
        self, store: Store, locations: LocationTable, calls: Callable[[], Calls], http: HttpClient, enum: EnumLookup,
        mailer: Mailer,
    ) -> None:  # fmt: skip
        """Get ready.

        Args:
            store: The accounts, and what scripts have stored.
            locations: Where phones can be reached now.
            calls: Returns the switch. It is asked for when a script needs it: scripts start calls, and calls scripts.
            http: Fetches and posts.
            enum: Looks numbers up.
            mailer: Sends mails.
        """
        self._store = store
        self._values = ScriptValues(store.database)
        self._locations = locations
        self._calls = calls
        self._http = http
        self._enum = enum
        self._mailer = mailer
        self._effects: dict[str, Effect] = {
            "http_get": self._get,
            "http_post": self._post,
            "enum_lookup": self._look_up_enum,
            "email": self._email,
            "is_registered": self._is_registered,
            "bindings": self._bindings,
            "send_message": self._send_message,
            "callback": self._callback,
            "secret": self._secret,
            "message_waiting": self._message_waiting,
            "pick_up": self._pick_up,
            "park": self._park,
            "confirm_call": self._confirm_call,
        }
        self.messages_waiting: Callable[[int, Summary], None] | None = None
        """Takes how many messages wait for an account; as the node says, which makes that after the scripts."""
        self.confirm_call: Callable[[int, str], Awaitable[bool]] | None = None
        """Confirms calls of a user that were held back, by their code or the user's PIN; as the node says, too."""
        self.elsewhere: Elsewhere | None = None
        """What is in progress at other nodes, where there are any."""

    async def close(self) -> None:
        """Close what is open."""
        self._values.close()
        await self._http.close()
        self._mailer.close()

    async def perform(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        """Do it; `row` and `sequence` name its entry in the journal.

        Raises:
            EffectError: It failed, and how the script is told.
        """
        try:
            if ask.function.startswith("store."):
                return await self._use_store(ask, row, sequence)
            return await self._effects[ask.function](ask, row, sequence)
        except TimeoutError:
            raise EffectError("TimeoutError", f"{ask.function}(): no answer in time") from None
        except (OSError, StoreError) as error:
            raise EffectError("OSError", f"{ask.function}(): {error}") from None
        except ValueError as error:
            raise EffectError("ValueError", f"{ask.function}(): {error}") from None

    async def _get(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        return await self._http.get(ask.arguments["url"], ask.arguments["headers"])

    async def _post(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        return await self._http.post(ask.arguments["url"], ask.arguments["headers"], ask.arguments)

    async def _look_up_enum(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        return await self._enum.find(ask.arguments["number"], ask.arguments["zone"])

    async def _email(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        arguments = ask.arguments
        await self._mailer.send(arguments["to"], arguments["subject"], arguments["body"])

    async def _secret(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        name = ask.arguments["name"]
        value = None if row.user_id is None else await self._read_secret(row.user_id, name)
        if value is None:
            raise ValueError(f"there is no secret {name!r}; 'sipwright secret set {name}' keeps one")
        return value

    async def _read_secret(self, user_id: int, name: str) -> str | None:
        """Look a secret up; a script waits while the database is on a server that is away, as long as it may run."""
        while True:
            try:
                return await self._store.read_secret(user_id, name)
            except DatabaseAwayError:
                if not self._store.is_shared:
                    raise
                await asyncio.sleep(AGAIN)

    async def _use_store(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        user_id, function = row.user_id, ask.function.removeprefix("store.")
        assert user_id is not None
        return await self._values.use(user_id, function, ask.arguments, (row.id, sequence))

    async def _is_registered(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        account = await self._account(ask.arguments["name"], row)
        return account is not None and bool(self._locations.targets(account.id, time.monotonic()))

    async def _bindings(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        account = await self._account(ask.arguments["name"], row)
        if account is None or account.user_id != row.user_id:
            raise ValueError(f"{ask.arguments['name']!r} is not an account of yours")
        now = time.monotonic()
        return [
            {
                "uri": binding.uri,
                "source": binding.source.rpartition("/")[2],
                "expires_in": float(binding.expires_at - int(now)),
            }
            for binding in self._locations.bindings(account.id)
            if not binding.has_expired(now)
        ]

    async def _account(self, name: str, row: ExecutionRow) -> Account | None:
        """Find an account by its name; without a domain it is one in the domain of the script's account."""
        user, _, domain = name.partition("@")
        if not domain or domain.lower() == "local":
            own = self._store.directory.account_by_id(row.account_id or 0)
            default = self._store.directory.default_domain
            domain = own.domain if own is not None else "" if default is None else default.name
        return await self._store.load_account(user, domain.lower())

    async def _send_message(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        identity, sender = self._identity(row)
        legs = [leg for group in _written(ask.arguments["to"]) for leg in group]
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def tell(was_taken: bool) -> None:
            if not taken.done():  # the switch may be closing
                taken.set_result(was_taken)

        self._calls().send_text(identity, sender, legs, ask.arguments["text"], tell)
        return await taken

    async def _callback(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        # Nothing here may wait: the call and its entry in the journal are to be one transaction.
        identity, sender = self._identity(row)
        arguments = ask.arguments
        try:
            return self._calls().call_back(
                identity, sender, _written(arguments["a"]), _written(arguments["b"]),
                delay=arguments["delay"], ring=arguments["ring"],
            )  # fmt: skip
        except Reject as error:
            raise OSError(error.reason or "the switch has no room for it") from None

    async def _message_waiting(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        account, arguments = await self._account(ask.arguments["name"], row), ask.arguments
        if account is None or account.user_id != row.user_id:
            raise ValueError(f"{arguments['name']!r} is not an account of yours")
        if self.messages_waiting is not None:
            try:
                self.messages_waiting(
                    account.id, Summary(arguments["new"], arguments["old"], arguments["urgent"])
                )
            except Reject as error:
                raise OSError(error.reason or "nothing can be stored now") from None

    async def _confirm_call(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        if self.confirm_call is None or row.user_id is None:
            return False
        return await self.confirm_call(row.user_id, ask.arguments["code"])

    async def _pick_up(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        account = await self._account(ask.arguments["name"], row)
        if account is None or account.user_id != row.user_id:
            raise ValueError(f"{ask.arguments['name']!r} is not an account of yours")
        call_id = row.call_id or ""
        if self._calls().pick_up(call_id, account.id):
            return True
        return self.elsewhere is not None and await self.elsewhere.pick_up(call_id, account.id)

    async def _park(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        slot = await self._account(ask.arguments["name"], row)
        if slot is None or slot.user_id != row.user_id:
            raise ValueError(f"{ask.arguments['name']!r} is not an account of yours")
        back = None
        if (wanted := ask.arguments.get("back")) is not None:
            account = await self._account(wanted, row)
            if account is None or account.user_id != row.user_id:
                raise ValueError(f"{wanted!r} is not an account of yours, so it cannot ring back there")
            back = account.id
        if self.elsewhere is not None and await self.elsewhere.is_parked_at(slot.id):
            return False
        return self._calls().park(row.call_id or "", slot, ask.arguments["seconds"], back)

    def _identity(self, row: ExecutionRow) -> tuple[Identity, str]:
        """Return on whose behalf a script acts, and the address of the account, or else of its owner."""
        username, domain = self._speaker(row)
        if row.user_id is None:
            raise OSError("the account of this dialplan is gone")
        plan = self._store.directory.dialplan(row.dialplan_id or 0)
        identity = Identity(
            "callback", row.account_id, row.user_id, domain, row.dialplan_id, None if plan is None else plan.name,
            row.version,
        )  # fmt: skip
        return identity, f"sip:{username}@{domain}"

    def _speaker(self, row: ExecutionRow) -> tuple[str, str]:
        """Return in whose name a script speaks: its account's, or its owner's when a provider has brought the call."""
        directory = self._store.directory
        if row.account_id is not None:
            account = directory.account_by_id(row.account_id)
            if account is not None:
                return account.username, account.domain
        elif row.user_id in directory.users and directory.default_domain is not None:
            return directory.users[row.user_id].name, directory.default_domain.name
        raise OSError("the account of this dialplan is gone")


def _written(text: str) -> Groups:
    """Read a dial string as the journal has it."""
    return parse_dial_string(text, most=MAX_WRITTEN)
