"""Calls that are steered over the control socket: what is asked for, for whom, and what is answered.

A request names the user that it is done for, by `user_id`; without one it is done for whoever runs the switch. What is
another user's is not there. It is answered when what it changes is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import Any, TypeVar

from sipwright.control.protocol import ControlError, Request
from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Call, Identity, NotNow, Switch
from sipwright.sip import ParseError, Uri
from sipwright.sip.telephone import dialled_uri
from sipwright.store import Store
from sipwright.store.history.placed import find_placed
from sipwright.store.schema.entities import Account

from .control_server import Handler
from .texts_sent import TextsSent

__all__ = ["CallControl", "settle"]

PATIENCE = 30.0
"""Seconds that a dialplan, or the database, may take to decide about what is asked for."""

PATIENCE_FOR_TEXTS = 10.0
"""Seconds until it is told that no phone has said yet whether it takes a text: less than clients of HTTP wait."""

LONGEST_TEXT = 1_000
"""Characters of a text message."""

LONGEST_KEY = 250

T = TypeVar("T")


class CallControl:
    """Does what is asked for about calls and texts."""

    def __init__(
        self,
        switch: Switch,
        store: Store,
        secret: bytes,
        ready: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """Get ready; with the `secret` the ids of calls are made that are placed once only.

        `ready` is waited for before something may leave: until it is known what calls of a user may still use.
        """
        self._ready = ready
        self._switch = switch
        self._store = store
        self._texts = TextsSent()
        self._secret = blake2b(secret, person=b"placed calls", digest_size=32).digest()

    def handlers(self) -> dict[str, Handler]:
        """Return what can be asked for, by name."""
        return {
            "calls.hangup": self.hang_up,
            "calls.transfer": self.transfer,
            "calls.redirect": self.redirect,
            "calls.pickup": self.pick_up,
            "calls.place": self.place,
            "messages.send": self.send_text,
        }

    async def hang_up(self, request: Request) -> dict[str, Any]:
        """End a call."""
        call = self._call(request)
        await self._done(lambda then: self._switch.steering.hang_up(call, then))
        return {"call": call.id}

    async def transfer(self, request: Request) -> dict[str, Any]:
        """Connect the other party of a call with somebody else; what comes of that, the events tell."""
        call = self._call(request)
        target = self._target(request, call.identity.domain)
        await self._is_ready(call.identity.user_id)
        others: list[Call] = []
        await self._done(lambda then: others.append(self._switch.steering.transfer(call, target, then)))
        return {"call": call.id, "transfer": others[0].id}

    async def redirect(self, request: Request) -> dict[str, Any]:
        """Let a call that rings ring elsewhere, if the dialplan allows it.

        Raises:
            ControlError: There is no such call, it cannot go there, or not now.
        """
        call = self._call(request)
        target = self._target(request, call.identity.domain)
        await self._is_ready(call.identity.user_id)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def refused(why: str) -> None:
            if not answer.done():
                answer.set_exception(ControlError("refused", why))

        try:
            self._switch.steering.redirect(call, target, lambda: settle(answer), refused)
        except NotNow as error:
            raise ControlError("refused", str(error)) from None
        await _within(answer)
        return {"call": call.id}

    async def pick_up(self, request: Request) -> dict[str, Any]:
        """Let the phones of an account take a call that rings elsewhere."""
        call, account = self._call(request), await self._account(request, "by")
        await self._done(lambda then: self._switch.steering.pick_up(call, account, then))
        return {"call": call.id}

    async def place(self, request: Request) -> dict[str, Any]:
        """Ring an account and connect it with somebody; with the same `key` it is placed once, whatever happens."""
        account = await self._account(request, "from")
        target = self._target(request, account.domain)
        await self._is_ready(account.user_id)
        key = _key_of(request, account.user_id)
        call_id = self._switch.ports.token()
        if key is not None:
            call_id = self._id_of(*key)
            if await self._is_placed(call_id, f"sip:{account.username}@{account.domain}", str(target)):
                return {"call": call_id, "repeated": True}
        await self._done(lambda then: self._switch.steering.place(call_id, account, target, then))
        return {"call": call_id, "repeated": False}

    def _id_of(self, user_id: int, key: str) -> str:
        """Return the id of the call of a key: the same in every process, and known to nobody without the secret."""
        return blake2b(
            f"{user_id} {key}".encode("utf-8", "replace"), key=self._secret, digest_size=10
        ).hexdigest()

    async def _is_placed(self, call_id: str, sender: str, target: str) -> bool:
        """Return whether the call of a key was placed before: it goes on, or has a record, which are one transaction.

        Raises:
            ControlError: It was placed, but to somebody else.
        """
        found = await self._store.database.read(lambda connection: find_placed(connection, call_id))
        live = self._switch.calls.get(call_id)  # also one that somebody has placed while we looked
        if live is not None:
            found = live.from_text, live.to_text
        if found is not None and found != (sender, target):
            why = "this Idempotency-Key was used for another call; use a key only for repetitions of one request"
            raise ControlError("conflict", why, field="key")
        return found is not None

    async def send_text(self, request: Request) -> dict[str, Any]:
        """Send a text message of an account to another one, or to whoever a dial string leads to.

        A phone that says nothing is waited for a while: who has sent the text is told then that it is on its way.

        Raises:
            ControlError: There is nobody to send it to, or no phone has taken it.
        """
        account = await self._account(request, "from")
        text = request.text("text", longest=LONGEST_TEXT)
        to = request.text("to", longest=500)
        try:
            groups = parse_dial_string(to if "@" in to or ":" in to else f"{to}@local")
        except ValueError as error:
            raise ControlError(
                "invalid", f"{to!r} is nobody to send a text to: {error}", field="to"
            ) from None
        identity = Identity("out", account.id, account.user_id, account.domain)
        legs = [leg for group in groups for leg in group]
        sender = f"sip:{account.username}@{account.domain}"
        answer, is_repeated = self._texts.begin(
            _key_of(request, account.user_id),
            (account.id, to, text),
            lambda tell: self._switch.send_text(identity, sender, legs, text, tell),
        )
        await asyncio.wait([answer], timeout=PATIENCE_FOR_TEXTS)
        if answer.done() and not answer.result():
            raise ControlError("refused", f"no phone of {to} has taken the text")
        return {"taken": answer.done(), "repeated": is_repeated}

    # What requests name.

    def _call(self, request: Request) -> Call:
        call_id, user_id = request.text("call"), request.number_of("user_id")
        call = self._switch.calls.get(call_id)
        if call is None or user_id not in (None, call.identity.user_id):
            raise ControlError("not_found", f"there is no call {call_id} in progress", field="call")
        return call

    async def _account(self, request: Request, field: str) -> Account:
        """Return the account of that name, with its domain or in the default one."""
        name, user_id = request.text(field), request.number_of("user_id")
        username, _, domain = name.removeprefix("sip:").partition("@")
        if not domain and (default := self._store.directory.default_domain) is not None:
            domain = default.name
        account = await self._store.load_account(username, domain.lower())
        if account is None or user_id not in (None, account.user_id):
            raise ControlError("not_found", f"there is no account {name}", field=field)
        return account

    async def _is_ready(self, user_id: int) -> None:
        if self._ready is not None:
            await self._ready(user_id)

    def _target(self, request: Request, domain: str) -> Uri:
        """Return whom somebody wants to reach: a number or a name is one at the domain of who wants it.

        Pages name numbers by tel URIs, and so do those who copy them from there.
        """
        text = request.text("to", longest=500).strip()
        is_number = text.lower().startswith("tel:")
        if not is_number and not text.lower().startswith(("sip:", "sips:")):
            text = f"sip:{text}" if "@" in text else f"sip:{text}@{domain}"
        try:
            target = Uri.parse(text)
        except ParseError as error:
            raise ControlError("invalid", f"nobody can be called at {text!r}: {error}", field="to") from None
        if is_number:
            target = dialled_uri(target, domain) or target
        if not target.user or not target.host or target.headers:
            raise ControlError("invalid", "write a number, a name, or name@host", field="to")
        return target

    async def _done(self, work: Callable[[Callable[[], None]], object]) -> None:
        """Do something, and wait until it is committed.

        Raises:
            ControlError: It cannot be done now.
        """
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            work(lambda: settle(committed))
        except NotNow as error:
            raise ControlError("refused", str(error)) from None
        await _within(committed)


def settle(future: asyncio.Future[None]) -> None:
    """Let whoever waits for a commit go on, if anybody does still."""
    if not future.done():
        future.set_result(None)


def _key_of(request: Request, user_id: int) -> tuple[int, str] | None:
    key = request.text("key", default="", longest=LONGEST_KEY)
    return (request.number_of("user_id") or user_id, key) if key else None


async def _within(future: asyncio.Future[T]) -> T:
    try:
        async with asyncio.timeout(PATIENCE):
            return await future
    except TimeoutError:
        why = "it is not known yet what comes of it; look at the call"
        raise ControlError("unavailable", why, retry_after=5.0) from None
