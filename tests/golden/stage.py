"""A stage for calls: the bench of the switch's tests, with phones that can be written down and set up again.

A moment is everything that is there when a process ends: the stored calls, the time, and what each phone has heard.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.services.switch.conftest import (
    Account,
    Bench,
    Binding,
    Phone,
    Provider,
    Providers,
    Row,
    document_of,
)

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Hunt
from sipwright.sip import parse

__all__ = ["Plans", "Stage"]


class Run:
    """A run of a dialplan that notes what the call tells it."""

    def __init__(self, name: str) -> None:
        self.execution_id = name
        self.heard: list[tuple[str, Any]] = []

    def nobody_answered(self, outcome: Any, legs: Any) -> None:
        self.heard.append(("nobody", [(leg.target, leg.status) for leg in legs]))

    def answered(self, target: str) -> None:
        self.heard.append(("answered", target))

    def call_ended(self, duration: float) -> None:
        self.heard.append(("ended", duration))

    def caller_gone(self, outcome: Any) -> None:
        self.heard.append(("gone", outcome.status))

    def no_caller(self, outcome: Any) -> None:
        self.heard.append(("gone", outcome.status))

    dismissed = no_caller


class Plans:
    """Dialplans that dial `groups`; without any they wait for something else."""

    def __init__(self, stage: Stage, *groups: str, ring: float = 60.0) -> None:
        self.stage, self.groups, self.ring = (
            stage,
            parse_dial_string(" | ".join(groups)) if groups else (),
            ring,
        )

    def start(self, call: Any, dialplan_id: int) -> Run:
        identity = call.identity
        identity.dialplan_id, identity.dialplan, identity.version = dialplan_id, "plan", 3
        self.stage.bench.network.call_later(0.001, lambda: self._dial(call))
        return Run(f"run-{call.id}")

    def is_behind(self, user_id: int) -> bool:
        return False

    def transfer_plan(self, identity: Any, account_id: int | None) -> None:
        return None

    def _dial(self, call: Any) -> None:
        with call.event():
            if self.groups:
                call.hunt = hunt = Hunt(call, self.groups, self.ring, [("X-Plan", "yes")])
                hunt.start()
            else:
                call.changed()


class Stage:
    """A bench, and its phones by name."""

    def __init__(self) -> None:
        self.bench = Bench(probe=100_000.0)
        self.phones: dict[str, Phone] = {}
        self.runs: dict[str, Run] = {}
        """The runs that wait with their calls, by the number of the call."""

    def __getitem__(self, name: str) -> Phone:
        return self.phones[name]

    def phone(self, label: str, host: str, name: str = "", **options: Any) -> Phone:
        """Set up a phone."""
        phone = self.phones[label] = self.bench.phone(name or label, host, **options)
        return phone

    def registered(self, label: str, host: str, **options: Any) -> Phone:
        """Set up the phone of an account of its own."""
        phone = self.phone(label, host)
        self.bench.account(label, phone, **options)
        return phone

    # Writing it down.

    def written(self) -> dict[str, Any]:
        """Return the moment, as JSON."""
        bench, directory = self.bench, self.bench.accounts
        return {
            "now": bench.network.now,
            "accounts": [asdict(account) for account in directory.accounts.values()],
            "providers": [asdict(provider) for provider in directory.providers.values()],
            "bindings": {number: [asdict(each) for each in of] for number, of in directory.bindings.items()},
            "phones": {label: _phone(phone) for label, phone in self.phones.items()},
            "calls": {key: json.loads(document_of(row)) for key, row in bench.database.rows["call"].items()},
        }

    @classmethod
    def read(cls, path: Path) -> Stage:
        """Set up what was there at a moment that another release has written down, before the next process."""
        moment = json.loads(path.read_text())
        stage = cls()
        bench, directory = stage.bench, stage.bench.accounts
        bench.network.now = moment["now"]
        # Nobody chooses at random what the process before has chosen.
        bench.counter = itertools.count(1 << 48)
        directory.accounts = {each["username"]: Account(**each) for each in moment["accounts"]}
        directory.providers = Providers({each["name"]: Provider(**each) for each in moment["providers"]})
        directory.bindings = {int(n): [Binding(**one) for one in of] for n, of in moment["bindings"].items()}
        for label, kept in moment["phones"].items():
            phone = stage.phone(
                label, kept["host"], kept["name"], port=kept["port"], protocol=kept["protocol"]
            )
            phone.domain, phone.cseq = kept["domain"], itertools.count(kept["cseq"])
            phone.heard = [parse(data.encode("latin-1")) for data in kept["heard"]]
        for key, document in moment["calls"].items():
            bench.database.rows["call"][key] = (key, json.dumps(document).encode())
        return stage

    @classmethod
    def resumed(cls, path: Path) -> Stage:
        """Set up such a moment, and start the next process."""
        stage = cls.read(path)
        switch, rows = stage.bench.switch, stage.bench.database.rows["call"]
        for execution_id, call in switch.recover(
            [Row(key, document_of(row)) for key, row in rows.items()]
        ).items():
            stage.runs[call.id] = call.script = Run(execution_id)
        switch.resume()
        stage.bench.run(0.05)
        return stage


def _phone(phone: Phone) -> dict[str, Any]:
    host, _, port = phone.address.rpartition(":")
    return {
        "name": phone.name, "host": host, "port": int(port), "protocol": phone.flow.protocol, "domain": phone.domain,
        "cseq": next(phone.cseq), "heard": [bytes(message).decode("latin-1") for message in phone.heard],
    }  # fmt: skip
