"""The pytest plugin: fixtures that run dialplans without phones (``docs/testing-dialplans.md``).

It is loaded in every environment that has Sipwright and pytest, so it imports what it needs when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .effects import Pretence, World
    from .phones import Party
    from .result import CallResult
    from .stage import Stage

__all__ = ["MakeCall", "SetAccount"]

PLAN_HELP = "the script that call() runs: a file, relative to the test or to where pytest was started"


class MakeCall(Protocol):
    """The fixture ``call``."""

    def __call__(
        self,
        from_: str = "alice",
        to: str = "300",
        *,
        plan: str | Path | None = None,
        direction: str = "out",
        at: str | float | None = None,
        gives_up_after: float | None = None,
        **more: Any,
    ) -> CallResult:
        """Place a call and return what became of it."""


class SetAccount(Protocol):
    """The fixture ``account``."""

    def __call__(
        self, name: str, *, in_plan: str | Path | None, user: str = "admin", timezone: str = "UTC"
    ) -> None:
        """Say which in dialplan an account has, whose it is, and where that user lives."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the configuration name a dialplan."""
    parser.addini("sipwright_dialplan", PLAN_HELP, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", f"dialplan(script): {PLAN_HELP}, or its text")


@pytest.fixture(scope="session")
def sipwright_stage() -> Iterator[Stage]:
    """The worker that all pretended calls run in."""
    from .stage import Stage

    with Stage() as stage:
        yield stage


@pytest.fixture
def sipwright_world() -> World:
    """What phones, providers and the world outside do in this test."""
    from .answers import Answers
    from .effects import World

    return World(Answers(providers={}))


@pytest.fixture
def dialplan(request: pytest.FixtureRequest) -> str | Path | None:
    """The script that ``call()`` runs; override it, mark the test, or set ``sipwright_dialplan``."""
    marker = request.node.get_closest_marker("dialplan")
    named = marker.args[0] if marker is not None else request.config.getini("sipwright_dialplan")
    return named or None


@pytest.fixture
def phone(sipwright_world: World) -> Callable[[str], Party]:
    """Speak of the phones of an account: ``phone("bob").rings(3).busy()``."""
    from .phones import Party

    return lambda name: Party(sipwright_world.answers, name if "@" in name else f"{name}@local")


@pytest.fixture
def provider(sipwright_world: World) -> Callable[[str], Party]:
    """Speak of a provider or another host: ``provider("blueface").unreachable()``."""
    from .phones import Party

    return lambda name: Party(sipwright_world.answers, name if "@" in name else f"@{name}")


@pytest.fixture
def account(request: pytest.FixtureRequest, sipwright_world: World) -> SetAccount:
    """Give an account an in dialplan: ``account("bob", in_plan="reception.py")``; its phones ring when that says so."""
    from .plans import InPlan
    from .scripts import script_of

    folders = (request.path.parent, request.config.rootpath)

    def set_account(
        name: str, *, in_plan: str | Path | None, user: str = "admin", timezone: str = "UTC"
    ) -> None:
        found = None
        if in_plan is not None:
            found = InPlan(name, script_of(in_plan, folders), user, timezone)
        sipwright_world.in_plans.set(name, found)

    return set_account


@pytest.fixture
def effect(sipwright_world: World) -> Callable[..., Pretence]:
    """Speak of the world outside: ``effect("http_get", "https://x.org/*").returns({"name": "Bob"})``."""
    from .effects import Pretence

    return lambda function, argument="*": sipwright_world.add(Pretence(function, argument))


@pytest.fixture
def script_store(sipwright_world: World) -> dict[str, Any]:
    """What the script's ``store`` has in it."""
    return sipwright_world.store


@pytest.fixture
def call(
    request: pytest.FixtureRequest,
    sipwright_stage: Stage,
    sipwright_world: World,
    dialplan: str | Path | None,
) -> MakeCall:
    """Place a call: ``call("alice", to="300")``."""
    from .scripts import instant, script_of
    from .stage import NOON, Setting

    folders = (request.path.parent, request.config.rootpath)

    def place(
        from_: str = "alice",
        to: str = "300",
        *,
        plan: str | Path | None = None,
        direction: str = "out",
        at: str | float | None = None,
        gives_up_after: float | None = None,
        **more: Any,
    ) -> CallResult:
        chosen = plan if plan is not None else dialplan
        if chosen is None:
            pytest.fail("which dialplan? mark the test with @pytest.mark.dialplan('out.py')", pytrace=False)
        script = script_of(chosen, folders)
        setting = Setting(from_, to, direction, gives_up_after=gives_up_after, **more)
        setting.at = NOON if at is None else instant(at, setting.timezone)
        return sipwright_stage.run(script, setting, sipwright_world)

    return place
