"""The kinds of calls, and how often each of them is made."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Collection

from .plans import Behaviour, Plan
from .scripts import CALLERS, CLOSING_PHONES, CLOSING_PROVIDERS, NAT_PHONES, TCP_PHONES

__all__ = ["KNOWN_TO_ALL", "make_plan"]


def make_plan(number: int, dice: random.Random, kinds: Collection[str] = (), longest: float = 12.0) -> Plan:
    """Draw the next call, of any kind or of some only, in which nobody talks for more than `longest` seconds."""
    makers = {kind: maker for kind, maker in _MAKERS.items() if not kinds or kind in kinds}
    kind = dice.choices(list(makers), [weight for weight, _ in makers.values()])[0]
    plan = makers[kind][1](number, kind, dice)
    plan.has_proxy = dice.random() < 0.3
    plan.is_tcp = plan.account is None and dice.random() < 0.1
    if plan.happens_once is not None:
        plan.has_proxy, plan.is_tcp = False, plan.happens_once == ("caller", "close")
    for behaviour in plan.behaviours.values():
        behaviour.wait = min(behaviour.wait, longest)
    if plan.give_up_after is not None:
        plan.give_up_after = min(plan.give_up_after, longest)
    if plan.hung_up_by != "switch" and (plan.answered_by is not None or plan.joins):
        plan.talk = dice.uniform(0.5, min(longest, 5.0) if kind == "closed" else longest)
        plan.hung_up_by = dice.choice(("caller", "callee"))
        plan.actions = _actions(plan.talk, dice)
        if plan.happens_once is not None:
            plan.actions = sorted([*plan.actions, (dice.uniform(0.3, plan.talk), *plan.happens_once)])
        plan.has_late_offer = not plan.joins and dice.random() < 0.05
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


def _scripted(name: str, phone: str, *does: str, **more: object) -> Callable[[int, str, random.Random], Plan]:
    """Make a maker of calls to a script that does something and ends with a phone's answer."""

    def make(number: int, kind: str, dice: random.Random) -> Plan:
        return Plan(
            number, kind, f"s-{name}", {phone: _ringing(dice)}, answered_by=phone,
            journals={name: ["start", *does]}, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    return make


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
    """Draw a call whose caller gives up, while a phone rings or while a script waits."""
    phone = dice.choice(("pa", "pb", "pc", "qa", ""))
    behaviour = Behaviour(rings=dice.uniform(0.0, 0.3), final=None)
    plan = Plan(number, kind, phone, {phone: behaviour}, ends_with=487, give_up_after=dice.uniform(0.1, 8.0))
    if phone == "qa":
        plan.dialled, plan.journals = "s-patient", {"patient": ["start", "dial"]}
    elif not phone:
        plan.dialled, plan.behaviours = "s-asleep", {}
        plan.journals = {"asleep": ["start", "respond", "sleep"]}
    return plan


def _noanswer(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(number, kind, "s-noanswer", {"na": Behaviour(final=None)}, ends_with=480, rings_for={"na": 5.0},
                journals={"noanswer": ["start", "log", "dial", "log", "respond"]})  # fmt: skip


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
        plan.answered_by, plan.journals = who, {"groups": ["start", "dial"]}
    else:
        behaviours["gd"] = Behaviour(wait=0.5, final=486)
        plan.rings_for |= {"gb": 4.0, "gc": 4.0}
        plan.ends_with, plan.journals = 486, {"groups": ["start", "dial", "log", "respond"]}
    return plan


def _twice(number: int, kind: str, dice: random.Random) -> Plan:
    second = _ringing(dice)
    behaviours = {"ta": Behaviour(final=None), "tb": second}
    plan = Plan(number, kind, "s-twice", behaviours, rings_for={"ta": 3.0})
    does = ["start", "dial", "log", "sleep", "dial"]
    if dice.random() < 0.6:
        plan.answered_by = "tb"
    else:
        second.final, plan.ends_with = 486, 603
        does += ["log", "respond"]
    plan.journals = {"twice": does}
    return plan


def _delayed(number: int, kind: str, dice: random.Random) -> Plan:
    behaviours = {"da": Behaviour(final=None), "db": _ringing(dice)}
    return Plan(number, kind, "s-delayed", behaviours, answered_by="db", starts_after={"db": 2.0},
                journals={"delayed": ["start", "dial"]})  # fmt: skip


def _out(number: int, kind: str, dice: random.Random) -> Plan:
    plan = _plain(number, kind, dice)
    plan.account, plan.journals = dice.choice(CALLERS), {"out": ["start", "log", "dial"]}
    return plan


def _through(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call that runs the caller's dialplan and then the callee's."""
    plan = _scripted("waiting", "wa", "dial", "log")(number, kind, dice)
    plan.account = dice.choice(CALLERS)
    plan.journals["out"] = ["start", "log", "dial"]
    return plan


def _tcp_caller(number: int, kind: str, dice: random.Random) -> Plan:
    plan = _plain(number, kind, dice)
    plan.account = dice.choice(TCP_PHONES)
    return plan


def _posting(number: int, kind: str, dice: random.Random) -> Plan:
    return Plan(number, kind, "s-posting", {}, ends_with=486,
                journals={"posting": ["start", "http_post", "log", "respond"]})  # fmt: skip


def _moved(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call to a phone that answers 302, with and without a script."""
    behaviours = {
        "va": Behaviour(wait=dice.uniform(0.1, 1.0), final=302, moves_to="vb"),
        "vb": _ringing(dice),
    }
    plan = Plan(number, kind, "va", behaviours, answered_by="vb")
    if dice.random() < 0.5:
        plan.dialled, plan.journals = "s-moved", {"moved": ["start", "dial"]}
    return plan


def _callback(number: int, kind: str, dice: random.Random) -> Plan:
    first, second = _ringing(dice), _ringing(dice)
    second.has_early_media = False  # its INVITE has no offer that it could answer
    plan = Plan(number, kind, "s-callback", {"ka": first, "kb": second}, ends_with=486, starts_after={"ka": 2.0},
                journals={"callback": ["start", "callback", "respond"]}, calls_back=("ka", "kb"))  # fmt: skip
    plan.joins = dice.random() < 0.75
    if not plan.joins:
        second.final = 486
    return plan


def _forked(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call that a second phone behind the same proxy answers too, with and without a provider."""
    make = _plain if dice.random() < 0.5 else _scripted("trunk", "555", "dial")
    plan = make(number, kind, dice)
    for behaviour in plan.behaviours.values():
        behaviour.forks_after = dice.choice((0.0, dice.uniform(0.0, 2.0)))
    return plan


def _roaming(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call in which one end goes on at another address, and says so by a re-INVITE."""
    plan = _plain(number, kind, dice)
    plan.happens_once = dice.choice(("caller", "callee")), "move"
    return plan


def _rebound(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call from or to a phone whose NAT gives it another port, from which it only registers again."""
    phone = dice.choice(NAT_PHONES)
    if dice.random() < 0.5:
        plan = Plan(number, kind, phone, {phone: _ringing(dice)}, answered_by=phone)
        plan.happens_once = "callee", "rebind"
    else:
        plan = _plain(number, kind, dice)
        plan.account = phone
        plan.happens_once = "caller", "rebind"
    return plan


def _closed(number: int, kind: str, dice: random.Random) -> Plan:
    """Draw a call in which one end closes its TCP connection: the provider, a phone that has another, the caller."""
    behaviour = Behaviour(rings=dice.uniform(0.0, 0.2), wait=dice.uniform(0.2, 1.0))
    if dice.random() < 0.3:
        plan = _plain(number, kind, dice)
        plan.happens_once = "caller", "close"
        return plan
    # Each in its turn, so that no new call is on its way over a connection that is closed.
    which = next(_turns) % (CLOSING_PROVIDERS + len(CLOSING_PHONES))
    if which < CLOSING_PROVIDERS:
        plan = Plan(number, kind, "s-closing", {f"888{which}": behaviour}, answered_by=f"888{which}",
                    through=which, journals={"closing": ["start", "dial"]})  # fmt: skip
    else:
        phone = CLOSING_PHONES[which - CLOSING_PROVIDERS]
        plan = Plan(number, kind, phone, {phone: behaviour}, answered_by=phone)
    plan.happens_once = "callee", "close"
    return plan


_turns = itertools.count()


_MAKERS: dict[str, tuple[int, Callable[[int, str, random.Random], Plan]]] = {
    "plain": (26, _plain),
    "tcp": (8, _tcp),
    "busy": (8, _busy),
    "cancelled": (12, _cancelled),
    "noanswer": (5, _noanswer),
    "groups": (8, _groups),
    "sleeping": (6, _scripted("sleeping", "sa", "log", "sleep", "log", "dial", starts_after={"sa": 3.0})),
    "twice": (5, _twice),
    "waiting": (4, _scripted("waiting", "wa", "dial", "log")),
    "delayed": (3, _delayed),
    "limited": (3, _scripted("limited", "la", "dial", talk=5.0, hung_up_by="switch")),
    "progress": (3, _scripted("progress", "ra", "respond", "sleep", "dial", starts_after={"ra": 2.0})),
    "out": (5, _out),
    "through": (4, _through),
    "tcp caller": (4, _tcp_caller),
    "getting": (6, _scripted("getting", "ha", "http_get", "log", "dial")),
    "posting": (5, _posting),
    "mailing": (4, _scripted("mailing", "ma", "email", "log", "dial")),
    "counting": (5, _scripted("counting", "ca", "store.add", "dial", "log", "store.add")),
    "callback": (6, _callback),
    "trunk": (5, _scripted("trunk", "555", "dial")),
    "carrier": (4, _scripted("carrier", "777", "dial")),
    "moved": (5, _moved),
    "forked": (5, _forked),
    "roaming": (4, _roaming),
    "rebound": (4, _rebound),
    "closed": (3, _closed),
}

KNOWN_TO_ALL = tuple(kind for kind in _MAKERS if kind not in ("forked", "roaming", "rebound", "closed"))
"""The kinds that every release can carry: 0.1.0 tells no forks apart, and forgets who has closed a connection."""
