"""Which provider a call has come from: the one place that says so, for all that trusts it.

A provider that we are registered with calls `provider.account`, as our Contact there says (`agent/provider.py`).
Anybody can write that, so it only counts when the call really comes from an address of that provider: we sign with its
credentials what we send in this call, and whoever could pretend would have what he likes signed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sipwright.services.ports import Directory, ProviderView
from sipwright.sip import ParseError, Uri
from sipwright.stack import Stack

from ..call.call import Call

__all__ = ["Origins"]


class Origins:
    """Finds the providers that calls have come from."""

    __slots__ = ("_accounts", "_stack")

    def __init__(self, accounts: Directory, stack: Stack) -> None:
        self._accounts = accounts
        self._stack = stack

    def find(self, call: Call) -> None:
        """Note at the caller of an inbound call which provider that is, now or once its name has been looked up."""
        flow = call.caller.flow
        if flow is None or flow.protocol == "loop":
            return  # the call before this one has come from somewhere
        name, _, _ = call.dialled_user.rpartition(".")
        provider = self._accounts.provider(call.identity.user_id, name) if name else None
        if provider is None or not provider.is_enabled:
            return
        unknown: list[Uri] = []
        for uri in _servers(provider):
            try:
                targets = self._stack.resolver.resolve_now(uri)
            except OSError:
                continue
            if targets is None:
                unknown.append(uri)
            elif call.caller.source in [target.host for target in targets]:
                _note(call, provider)
                return
        if unknown:
            self._stack.pipeline.spawn(self._look_up(call, provider, unknown))

    async def _look_up(self, call: Call, provider: ProviderView, servers: Iterable[Uri]) -> None:
        for uri in servers:
            try:
                targets = await self._stack.resolver.resolve(uri)
            except OSError:
                continue
            if call.caller.owner is call and call.caller.source in [target.host for target in targets]:
                with call.event():
                    _note(call, provider)
                return


def _note(call: Call, provider: ProviderView) -> None:
    call.caller.provider = provider.user_id, provider.name
    call.changed()


def _servers(provider: ProviderView) -> list[Uri]:
    """Return where requests to a provider are sent: its server, and the proxy before it."""
    servers = []
    for text in (provider.server, provider.outbound_proxy):
        try:
            if text:
                servers.append(Uri.parse(text if text.startswith(("sip:", "sips:")) else f"sip:{text}"))
        except ParseError:
            pass
    return servers
