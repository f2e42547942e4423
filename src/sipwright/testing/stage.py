"""Where scripts run against pretended outcomes: the sandbox, budgets and journal of a running switch, no phones.

A run is one thread and no event loop: whatever the script waits for is an event on a virtual clock (``scene.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sipwright.services.dialplan import Call as ScriptCall
from sipwright.services.dialplan import Inputs, Limits, Plan
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.sip import NameAddr, ParseError

from .answers import Answers
from .clock import VirtualClock
from .effects import World
from .plans import PretendedPlan
from .result import CallResult
from .scene import Scene
from .workers import Workshop

__all__ = ["NOON", "PretendedPlan", "Setting", "Stage", "world_of"]

NOON = 1_768_219_200.0
"""When pretended calls come unless something else is said: Monday, 12 January 2026, noon UTC."""


@dataclass(slots=True)
class Setting:
    """One call before anybody has decided anything about it.

    Attributes:
        from_: The caller: an account's name (``out``) or a number or address (``in``).
        to: What was dialled (``out``), or the account that is called (``in``).
        direction: ``out`` or ``in``.
        at: When, in Unix time.
        domain: The domain of the accounts.
        from_name: The caller's display name.
        headers: Headers of the INVITE.
        body: Its body.
        source: Where it came from.
        user_agent: The caller's phone.
        active: How many calls the owner has already.
        user: The owner of the dialplan.
        timezone: The owner's time zone.
        gives_up_after: After so many seconds the caller hangs up, if nobody has answered.
        provider: The name of the provider that brings the call (``in``).
        seed: Where the random numbers of the script begin: other seeds, other numbers.
    """

    from_: str
    to: str
    direction: str = "out"
    at: float = NOON
    domain: str = "example.org"
    from_name: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    source: str = "192.0.2.10:5060"
    user_agent: str = ""
    active: int = 0
    user: str = "admin"
    timezone: str = "UTC"
    gives_up_after: float | None = None
    provider: str | None = None
    seed: str = "pretended"

    def inputs(self, plan: str) -> Inputs:
        """Return what a script sees of this call."""
        outbound = self.direction == "out"
        from_user, from_host = _split(self.from_, self.domain if outbound else "elsewhere.example")
        to_user, to_host = _split(self.to, self.domain)
        account = from_user if outbound else to_user
        call = ScriptCall(
            "pretended", self.direction, account, self.user, plan, self.active, self.timezone, self.provider
        )
        return Inputs.of(
            call, method="INVITE", uri=f"sip:{to_user}@{to_host}", user=to_user, host=to_host,
            from_name=self.from_name, from_user=from_user, from_host=from_host, to=f"sip:{to_user}@{to_host}",
            source=self.source, user_agent=self.user_agent, body=self.body.encode(), headers=self.headers.items(),
        )  # fmt: skip


class Stage:
    """Keeps workers, and runs one script after the other in them."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._workshop = Workshop(self.limits)
        self.runs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Get ready, so that the first call is as quick as the others."""
        self._workshop.open()

    def close(self) -> None:
        """End the workers."""
        self._workshop.close()

    def run(self, plan: Plan, setting: Setting, world: World) -> CallResult:
        """Let a script decide about one call."""
        inputs = setting.inputs(plan.name)
        return self.run_inputs(
            plan, inputs, world, at=setting.at, domain=setting.domain, gives_up_after=setting.gives_up_after,
            seed=setting.seed,
        )  # fmt: skip

    def run_inputs(
        self,
        plan: Plan,
        inputs: Inputs,
        world: World,
        *,
        at: float = NOON,
        domain: str = "example.org",
        gives_up_after: float | None = None,
        seed: str = "pretended",
    ) -> CallResult:
        """Let a script decide about what a journal has kept of a call."""
        self.runs += 1
        clock = VirtualClock(at)
        scene = Scene(_Direct(self._workshop, self.limits, clock), clock, world, domain, seed)
        call = scene.begin(plan, inputs, gives_up_after=gives_up_after)
        clock.run()
        return scene.result_of(call)


class _Direct:
    """The sandbox without its queue: an activation of a script is computed when its turn comes on the clock."""

    def __init__(self, workshop: Workshop, limits: Limits, clock: VirtualClock) -> None:
        self.limits = limits
        self._workshop = workshop
        self._clock = clock

    def submit(self, job: Job) -> None:
        """Run a job, but never before this returns."""
        self._clock.call_later(0.0, self._run, job)

    def _run(self, job: Job) -> None:
        job.done(self._workshop.compute(job, self._clock))


def world_of(
    answers: Iterable[str],
    effects: Iterable[str],
    *,
    domain: str = "example.org",
    providers: Mapping[str, Set[str]] | None = None,
) -> World:
    """Read pretended answers and effects from their texts; `providers` are the names that each user can dial."""
    from .behaviour import parse_answer
    from .effects import parse_effect

    return World(
        Answers(map(parse_answer, answers), domain=domain, providers=providers), map(parse_effect, effects)
    )


def _split(text: str, host: str) -> tuple[str, str]:
    """Take ``alice``, ``alice@example.org`` or a whole address apart."""
    try:
        uri = NameAddr.parse(text if ":" in text else f"<sip:{text}>").uri
    except ParseError:
        return text, host
    return (uri.user or "", uri.hostport) if uri.user else (text, host)
