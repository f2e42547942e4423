"""What happens in an office by chance, one thing after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from urllib.parse import quote

from .office import DOMAIN, GROUPS, OVER_TCP, PEOPLE, Office
from .talk import CALLING, OVER, RINGING, TALKING, Talk
from .verdict import settle

__all__ = ["Walk", "walk"]

MOST_CALLS = 5
"""At once, of those that somebody has begun."""

PAUSES = (0.0, 0.001, 0.003, 0.01, 0.2, 1.0, 4.0)


class Walk:
    """One walk: `act` does something."""

    def __init__(self, seed: int) -> None:
        self.office = Office(seed, is_lossy=seed % 3 == 1)
        self.chance = self.office.chance
        self.done: Counter[str] = Counter()
        # fmt: off
        self._acts: dict[Callable[[], None], float] = {
            self._call: 4, self._pick_up: 8, self._ring: 2, self._refuse: 1.5, self._cancel: 2, self._hang_up: 3,
            self._hold: 3, self._update: 0.7, self._glare: 0.7, self._say: 1, self._transfer: 1.5, self._join_up: 1.5,
            self._take_over: 0.7, self._lose_power: 0.3, self._cut: 1, self._kill: 0.3,
        }
        # fmt: on

    def act(self) -> None:
        """Do something by chance, and let some time pass: between nothing and a few seconds."""
        self.chance.choices(list(self._acts), list(self._acts.values()))[0]()
        self.office.all_back()
        self.office.bench.run(self.chance.choice(PAUSES))

    def _some(self, state: str) -> Talk | None:
        found = [talk for phone in self.office.phones for talk in phone.talks if talk.state == state]
        return self.chance.choice(found) if found else None

    def _note(self, what: str) -> None:
        self.done[what] += 1
        self.office.log.append(f"{self.office.clock():9.3f} -- {what}")

    def _other(self, name: str) -> str:
        return self.chance.choice([each for each in PEOPLE if each != name])

    # Calls.

    def _call(self) -> None:
        if sum(talk.state != OVER for talk in self.office.calls) < MOST_CALLS:
            self._note("call")
            phone = self.chance.choice(self.office.phones)
            whom = self.chance.choice([*(name for name in PEOPLE if name != phone.name), *GROUPS])
            phone.call(whom, offers=self.chance.random() < 0.85)

    def _pick_up(self) -> None:
        if talk := self._some(RINGING):
            self._note("pick up")
            talk.phone.pick_up(talk)

    def _ring(self) -> None:
        if talk := self._some(RINGING):
            self._note("ring")
            talk.phone.ring(talk, self.chance.choice((180, 180, 183)))

    def _refuse(self) -> None:
        if talk := self._some(RINGING):
            self._note("refuse")
            talk.phone.refuse(talk, self.chance.choice((486, 480, 603, 302)))

    def _cancel(self) -> None:
        talk = self._some(CALLING)
        if talk and not talk.is_given_up:
            self._note("cancel")
            talk.phone.cancel(talk)

    def _hang_up(self) -> None:
        if talk := self._some(TALKING):
            self._note("hang up")
            talk.phone.hang_up(talk)

    # In a call.

    def _hold(self) -> None:
        if talk := self._some(TALKING):
            self._note("hold")
            talk.phone.hold(talk, offers=self.chance.random() < 0.8)

    def _update(self) -> None:
        if talk := self._some(TALKING):
            self._note("update")
            talk.phone.update(talk)

    def _glare(self) -> None:
        """Change a call from both ends at once."""
        if talk := self._some(TALKING):
            for one in [talk, *self._hearing(talk)]:
                self._note("glare")
                one.phone.hold(one)

    def _hearing(self, talk: Talk) -> list[Talk]:
        everything = [one for phone in self.office.phones for one in phone.talks]
        return [one for one in everything if one.is_open and one.media == talk.other]

    def _say(self) -> None:
        if talk := self._some(TALKING):
            self._note("say")
            talk.phone.say(talk, self.chance.choice(("INFO", "OPTIONS", "MESSAGE")))

    def _transfer(self) -> None:
        """Give a call away blindly (RFC 5589 §6)."""
        if talk := self._some(TALKING):
            self._note("transfer")
            talk.phone.say(talk, "REFER", f"Refer-To: <sip:{self._other(talk.phone.name)}@{DOMAIN}>")

    def _join_up(self) -> None:
        """Connect the other ends of two calls of a phone (RFC 5589 §7)."""
        talk = self._some(TALKING)
        others = [] if talk is None else [one for one in talk.phone.talks if one.is_open and one is not talk]
        if talk is not None and others:
            self._note("join up")
            other = self.chance.choice(others)
            to = f"sip:{other.peer}@{DOMAIN}?Replaces={quote(other.replaces)}"
            talk.phone.say(talk, "REFER", f"Refer-To: <{to}>")

    def _take_over(self) -> None:
        """Take the call of one phone of an account with the other one (RFC 3891)."""
        phones = [phone for phone in self.office.phones if phone.name == "eve"]
        found = [talk for phone in phones for talk in phone.talks if talk.is_open]
        if found:
            self._note("take over")
            talk = self.chance.choice(found)
            phone = next(each for each in phones if each is not talk.phone)
            headers = (f"Replaces: {talk.replaces}", "Require: replaces")
            phone.call(talk.peer, headers=headers)

    # What goes wrong.

    def _lose_power(self) -> None:
        self._note("lose power")
        self.chance.choice(self.office.phones).lose_power()

    def _cut(self) -> None:
        """Let a connection end; its phone opens another one, sooner or later."""
        phone = self.chance.choice([each for each in self.office.phones if each.name in OVER_TCP])
        if not phone.flow.is_closed:
            self._note("cut")
            self.office.disconnect(phone)
            self.office.come_back(phone)

    def _kill(self) -> None:
        self._note("kill")
        self.office.kill()


def walk(seed: int, steps: int) -> tuple[Walk, list[str]]:
    """Go some steps; returns the walk, and what was wrong in the end."""
    one = Walk(seed)
    for _ in range(steps):
        one.act()
    one._note("settle")
    return one, settle(one.office)
