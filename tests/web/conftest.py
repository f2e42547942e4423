"""A switch with its pages, and people with tokens: root is its admin, alice and eve are users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
import pytest

from conftest import StartSwitch
from interop.harness import PASSWORD, RunningSwitch, free_port
from sipwright.config import Settings
from sipwright.usecases.actor import Actor
from sipwright.usecases.usecases import UseCases

PLAN = 'log("on my way")\ndial("nobody@local", ring=1)\nrespond(480, "Nobody here")\n'

ALONE = partial(httpx2.request, verify=False)


@dataclass
class Rest:
    """The REST of a switch, asked by one person after the other."""

    switch: RunningSwitch
    url: str
    tokens: dict[str, str] = field(default_factory=dict)
    request: Callable[..., httpx2.Response] = ALONE
    """Asks over a connection of its own, or over one for all."""

    def __call__(self, method: str, path: str, *, who: str = "root", **options: object) -> httpx2.Response:
        """Ask as somebody, or as nobody (`who=""`)."""
        headers = {**options.pop("headers", {})}  # type: ignore[dict-item]
        if who:
            headers.setdefault("Authorization", f"Bearer {self.tokens[who]}")
        return self.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=60, **options)

    def get(self, path: str, **options: object) -> object:
        """Ask for something that is there."""
        answer = self("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def make_tokens(switch: RunningSwitch, names: dict[str, str]) -> dict[str, str]:
    """Make a token for each of those users: all of what they may, or the scope that is named."""
    uses = await UseCases.open(Settings.load(switch.data))
    root = Actor(1, "root", "admin", "cli")
    try:
        made = {}
        for called, what in names.items():
            user, _, scope = what.partition(":")
            issued = await uses.tokens.create(root, called, user=user, scopes=[scope] if scope else None)
            made[called] = issued.token
        return made
    finally:
        await uses.close()


@pytest.fixture(scope="module")
def one_client() -> Iterator[httpx2.Client]:
    """A client for many questions: to make one costs more than most of them.

    There is no TLS: to read whom the world believes would cost as much again. What rests for long may just be closed.
    It keeps no cookies, as it asks for one person after the other.
    """
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    limits = httpx2.Limits(keepalive_expiry=5.0)
    with httpx2.Client(verify=False, timeout=60, limits=limits, cookies=cookies) as made:
        yield made


@pytest.fixture(scope="module")
def rest(start_switch: StartSwitch, one_client: httpx2.Client) -> Rest:
    """A switch that has things of root's and of alice's."""
    port = free_port()
    switch = start_switch([("bob", "", "")], {"out": PLAN}, WEB__LISTEN=f"127.0.0.1:{port}")
    for name in ("alice", "eve"):
        switch.run_command("user", "add", name, "--password", "a long secret")
    tokens = {"root": "root", "alice": "alice", "eve": "eve", "reader": "alice:read", "caller": "alice:call"}
    made = Rest(
        switch, f"http://127.0.0.1:{port}", asyncio.run(make_tokens(switch, tokens)), one_client.request
    )
    for path, body in (
        ("/accounts", {"name": "alice-phone", "password": PASSWORD}),
        (
            "/providers",
            {"name": "alice-trunk", "server": "sip.alices.example", "username": "u", "password": "p"},
        ),
    ):
        assert made("POST", path, who="alice", json=body).status_code == 201
    assert made("PUT", "/store/alice-key", who="alice", json={"value": "alice-value"}).status_code == 200
    script = switch.folder / "alice-plan.py"
    script.write_text(PLAN)
    switch.run_command("dialplan", "set", "alice-plan", str(script), "--user", "alice")
    return made


Ask = Callable[..., httpx2.Response]
