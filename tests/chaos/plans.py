"""The kinds of calls: what each end does, when, and how the call has to end."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .end import End

__all__ = ["ACCOUNTS", "CALLERS", "DIALPLANS", "TCP_PHONES", "UDP_PHONES", "Behaviour", "Plan", "make_plan"]

UDP_PHONES = ("pa", "pb", "pc", "ga", "gb", "gc", "gd", "na", "sa", "ta", "tb", "wa", "da", "db", "la", "ra")
"""Accounts whose phones take calls over UDP, several at one socket."""

TCP_PHONES = ("xa", "xb", "xc", "xd")
"""Accounts whose phones have a TCP connection each; the first two have an instance ID (RFC 5626 §4.1)."""

CALLERS = ("oa", "ob")
"""Accounts that make authenticated calls."""

DIALPLANS = {
    "noanswer": 'log("ringing")\nresult = dial("na@local", ring=5)\nlog(f"{result.status}")\nrespond(480, "Nobody")\n',
    "groups": 'dial("ga@local | gb@local & gc@local | gd@local", ring=4)\nlog("nobody")\nrespond(486, "All Busy")\n',
    "sleeping": 'log("before")\nsleep(3)\nlog("after")\ndial("sa@local", ring=40)\n',
    "twice": 'one = dial("ta@local", ring=3)\nlog(f"{one.status}")\nsleep(1)\ntwo = dial("tb@local", ring=40)\n'
    'log(f"{two.status}")\nrespond(603, "Declined Twice")\n',
    "waiting": 'result = dial("wa@local", ring=40, wait=True)\nlog(f"{result.answered}")\n',
    "delayed": 'dial("da@local & db@local[delay=2]", ring=40)\n',
    "limited": 'dial("la@local[limit=5]", ring=40)\n',
    "progress": 'respond(183, "Please Wait")\nsleep(2)\ndial("ra@local", ring=40)\n',
    "out": 'log("out")\ndial(f"{req.user}@local", ring=40)\n',
}

ACCOUNTS = [
    *((name, "", "") for name in (*UDP_PHONES, *TCP_PHONES)),
    *((name, "out", "") for name in CALLERS),
    *((f"s-{name}", "", name) for name in DIALPLANS if name != "out"),
]


@dataclass(slots=True)
class Behaviour:
    """What a phone does with a call: rings after `rings`, then says `final` after `wait` (`None`: never)."""

    rings: float = 0.1
    wait: float = 1.0
    final: int | None = 200
    has_early_media: bool = False
    may_ring: bool = True


@dataclass(slots=True)
class Plan:
    """One call. `answered_by` is the account that answers; else `ends_with` is what the caller hears."""

    id: int
    kind: str
    dialled: str
    behaviours: dict[str, Behaviour]
    answered_by: str | None = None
    ends_with: int | None = None
    account: str | None = None
    is_tcp: bool = False
    give_up_after: float | None = None
    has_proxy: bool = False
    has_late_offer: bool = False
    actions: list[tuple[float, str, str]] = field(default_factory=list)
    talk: float = 3.0
    hung_up_by: str = "caller"
    rings_for: dict[str, float] = field(default_factory=dict)
    starts_after: dict[str, float] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    # What happened.
    caller: End | None = None
    callees: dict[str, list[End]] = field(default_factory=dict)

    @property
    def answerer(self) -> End | None:
        """The end that answered."""
        ends = self.callees.get(self.answered_by or "", [])
        return ends[0] if ends else None

    def __str__(self) -> str:
        return f"#{self.id} {self.kind} {self.caller.call_id if self.caller else '-'}"


def make_plan(number: int, dice: random.Random, kinds: Collection[str] = (), longest: float = 12.0) -> Plan:
    """Draw the next call, of any kind or of some only, in which nobody talks for more than `longest` seconds."""
    makers = {kind: maker for kind, maker in _MAKERS.items() if not kinds or kind in kinds}
    kind = dice.choices(list(makers), [weight for weight, _ in makers.values()])[0]
    plan = makers[kind][1](number, kind, dice)
    plan.has_proxy = dice.random() < 0.3
    plan.is_tcp = plan.account is None and dice.random() < 0.1
    if plan.answered_by is not None:
        behaviour = plan.behaviours[plan.answered_by]
        behaviour.wait = min(behaviour.wait, longest)
        if plan.hung_up_by != "switch":
            plan.talk = dice.uniform(0.5, longest)
            plan.hung_up_by = dice.choice(("caller", "callee"))
            plan.actions = _actions(plan.talk, dice)
            plan.has_late_offer = dice.random() < 0.05
    return plan


def _actions(talk: float, dice: random.Random) -> list[tuple[float, str, str]]:
    """Draw what happens while two talk: at a time, by one of them."""
    side = dice.choice(("caller", "callee"))
    draw = dice.random()
    if draw < 0.35:
        hold, resume = sorted(dice.uniform(0.2, talk) for _ in range(2))
        return [(hold, side, "hold"), (resume, side, "resume")]
    if draw < 0.5:
        return [
            (dice.uniform(0.2, talk), dice.choice(("caller", "callee")), name) for name in ("INFO", "UPDATE")
        ]
    return []


def _ringing(dice: random.Random) -> Behaviour:
    return Behaviour(
        rings=dice.uniform(0.0, 0.3), wait=dice.uniform(0.2, 9.0), has_early_media=dice.random() < 0.25
    )


def _plain(number: int, kind: str, dice: random.Random) -> Plan:
    phone = dice.choice(("pa", "pb", "pc"))
    return Plan(number, kind, phone, {phone: _ringing(dice)}, answered_by=phone)


def _tcp(number: int, kind: str, dice: random.Random) -> Plan:
    phone = dice.choice(TCP_PHONES)
    return Plan(number, kind, phone, {phone: _ringing(dice)}, answered_by=phone)


def _busy(number: int, kind: str, dice: random.Random) -> Plan:
    phone = dice.choice(("pa", "pb", "pc"))
    status = dice.choice((486, 603))
    behaviour = _ringing(dice)
    behaviour.final = status
    return Plan(number, kind, phone, {phone: behaviour}, ends_with=status)


def _cancelled(number: int, kind: str, dice: random.Random) -> Plan:
    phone = dice.choice(("pa", "pb", "pc"))
    behaviour = Behaviour(rings=dice.uniform(0.0, 0.3), final=None)
    return Plan(number, kind, phone, {phone: behaviour}, ends_with=487, give_up_after=dice.uniform(0.1, 8.0))


def _noanswer(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(number, kind, "s-noanswer", {"na": Behaviour(final=None)}, ends_with=480, rings_for={"na": 5.0},
                journal=["start", "log", "dial", "log", "respond"])  # fmt: skip


def _groups(number: int, kind: str, dice: random.Random) -> Plan:
    first = Behaviour(wait=dice.uniform(0.1, 1.0), final=dice.choice((486, None)))
    silent = Behaviour(final=None)
    behaviours = {"ga": first, "gb": silent, "gc": silent, "gd": Behaviour(may_ring=False)}
    plan = Plan(number, kind, "s-groups", behaviours)
    if first.final is None:
        plan.rings_for["ga"] = 4.0
    if dice.random() < 0.5:
        who = dice.choice(("gb", "gc"))
        behaviours[who] = Behaviour(wait=dice.uniform(0.1, 0.8))
        plan.answered_by, plan.journal = who, ["start", "dial"]
    else:
        behaviours["gd"] = Behaviour(wait=0.5, final=486)
        plan.rings_for |= {"gb": 4.0, "gc": 4.0}
        plan.ends_with, plan.journal = 486, ["start", "dial", "log", "respond"]
    return plan


def _sleeping(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(number, kind, "s-sleeping", {"sa": _ringing(dice)}, answered_by="sa", starts_after={"sa": 3.0},
                journal=["start", "log", "sleep", "log", "dial"])  # fmt: skip


def _twice(number: int, kind: str, dice: random.Random) -> Plan:
    second = _ringing(dice)
    behaviours = {"ta": Behaviour(final=None), "tb": second}
    plan = Plan(number, kind, "s-twice", behaviours, rings_for={"ta": 3.0})
    plan.journal = ["start", "dial", "log", "sleep", "dial"]
    if dice.random() < 0.6:
        plan.answered_by = "tb"
    else:
        second.final, plan.ends_with = 486, 603
        plan.journal += ["log", "respond"]
    return plan


def _waiting(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(
        number, kind, "s-waiting", {"wa": _ringing(dice)}, answered_by="wa", journal=["start", "dial", "log"]
    )


def _delayed(number: int, kind: str, dice: random.Random) -> Plan:
    behaviours = {"da": Behaviour(final=None), "db": _ringing(dice)}
    return Plan(number, kind, "s-delayed", behaviours, answered_by="db", starts_after={"db": 2.0},
                journal=["start", "dial"])  # fmt: skip


def _limited(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(number, kind, "s-limited", {"la": _ringing(dice)}, answered_by="la", talk=5.0, hung_up_by="switch",
                journal=["start", "dial"])  # fmt: skip


def _progress(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(number, kind, "s-progress", {"ra": _ringing(dice)}, answered_by="ra", starts_after={"ra": 2.0},
                journal=["start", "respond", "sleep", "dial"])  # fmt: skip


def _out(number: int, kind: str, dice: random.Random) -> Plan:
    plan = _plain(number, kind, dice)
    plan.account, plan.journal = dice.choice(CALLERS), ["start", "log", "dial"]
    return plan


def _tcp_caller(number: int, kind: str, dice: random.Random) -> Plan:
    plan = _plain(number, kind, dice)
    plan.account = dice.choice(TCP_PHONES)
    return plan


def _through(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call that runs the caller's dialplan and then the callee's."""
    plan = _waiting(number, kind, dice)
    plan.account = dice.choice(CALLERS)
    return plan


_MAKERS: dict[str, tuple[int, Callable[[int, str, random.Random], Plan]]] = {
    "plain": (30, _plain),
    "tcp": (8, _tcp),
    "busy": (8, _busy),
    "cancelled": (10, _cancelled),
    "noanswer": (5, _noanswer),
    "groups": (8, _groups),
    "sleeping": (8, _sleeping),
    "twice": (5, _twice),
    "waiting": (5, _waiting),
    "delayed": (3, _delayed),
    "limited": (3, _limited),
    "progress": (3, _progress),
    "out": (5, _out),
    "through": (4, _through),
    "tcp caller": (4, _tcp_caller),
}
