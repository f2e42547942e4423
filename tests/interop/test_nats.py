"""Real NATs: phones behind routers of the kernel's, who hears whom, and whether the switch has said so before.

The table in docs/nat.md is what this finds. It needs network namespaces and nftables, and root.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from interop.harness import Namespaces, until
from sipwright.commands.__main__ import run

pytestmark = pytest.mark.peer("nft")

PHONE = Path(__file__).parent / "nat_phone.py"
SWITCH, DOMAIN, PASSWORD = "203.0.113.1", "sip.test", "secret"
ROUTERS = {"r1": "203.0.113.11", "r2": "203.0.113.12"}
PHONES = {  # where they are, and their port of SIP
    "alice": ("p1", "192.168.1.11", 5061),
    "bob": ("p2", "192.168.1.12", 5062),
    "carol": ("p3", "192.168.2.11", 5063),
    "dave": ("p4", "203.0.113.20", 5064),
}
LANS = {"r1": ("192.168.1.1", ("alice", "bob")), "r2": ("192.168.2.1", ("carol",))}


class Internet(Namespaces):
    """The namespaces: a network outside with the switch and one phone, and two routers with phones behind them."""

    def __init__(self):
        super().__init__(["net", *ROUTERS, *(place for place, _, _ in PHONES.values())], "swn")

    def make(self):
        super().make()
        self.bridge("net", SWITCH)
        for router, address in ROUTERS.items():
            self.wire("net", router, "wan", address)
            lan, phones = LANS[router]
            self.bridge(router, lan)
            self.do(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            for phone in phones:
                place, own, _ = PHONES[phone]
                self.wire(router, place, "eth0", own)
                self.ip(place, "route", "add", "default", "via", lan)
        place, own, _ = PHONES["dave"]
        self.wire("net", place, "eth0", own)

    def use(self, kind):
        """Let the routers keep ports, or change them at random; their outer address never leads back inside."""
        how = ["masquerade", "random"] if kind == "random" else ["masquerade"]
        for router in ROUTERS:
            subprocess.run(
                self.inside(router, "nft", "delete", "table", "ip", "nat"), capture_output=True, timeout=60
            )
            self.do(router, "nft", "add", "table", "ip", "nat")
            self.do(router, "nft", "add chain ip nat post { type nat hook postrouting priority 100 ; }")
            self.do(router, "nft", "add", "rule", "ip", "nat", "post", "oifname", "wan", *how)
            # What comes uninvited is dropped, as by every router at home; remembered, it would take the port away.
            self.do(router, "nft", "add chain ip nat in { type filter hook input priority 0 ; }")
            self.do(router, "nft", "add", "rule", "ip", "nat", "in", "iifname", "wan", "drop")


INTERNET = Internet()


@pytest.fixture(scope="module")
def internet():
    found = INTERNET
    try:
        found.make()
        found.use("keep")
    except (subprocess.CalledProcessError, OSError) as error:
        found.close()
        pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', error)!r}")
    yield found
    found.close()


@pytest.fixture(scope="module")
def command(internet, tmp_path_factory):
    """The switch in the network outside; gives what runs a command on its data folder."""
    folder = tmp_path_factory.mktemp("nats")
    data = folder / "data"

    def do_command(*words):
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = run([*words, "--data", str(data)])
        assert status == 0, complained.getvalue()
        return said.getvalue()

    do_command("init", "--domain", DOMAIN, "--admin", "root", "--password", "very secret")
    accounts = folder / "accounts.csv"
    accounts.write_text("".join(f"{name}{n},{PASSWORD}\n" for name in PHONES for n in range(MOST_CALLS)))
    do_command("account", "import", str(accounts))
    settings = {"SIP__UDP": json.dumps([f"{SWITCH}:5060"]), "SIP__TCP": "[]", "WEB__LISTEN": "", "SSH__LISTEN": "",
                "TRACE__CALLS": "all"}  # fmt: skip
    environment = os.environ | {f"SIPWRIGHT_{name}": value for name, value in settings.items()}
    log = folder / "log"
    with log.open("wb") as output:
        program = str(Path(sys.executable).with_name("sipwright"))
        process = subprocess.Popen(
            internet.inside("net", program, "run", "--data", str(data)),
            env=environment,
            stdout=output,
            stderr=output,
        )
    until(lambda: "switch started" in log.read_text(), "the switch runs")
    yield do_command
    process.terminate()
    process.wait(60)


CALLS, MOST_CALLS = itertools.count(), 50
PACKETS = 10
"""Of each end: the first ones open the way through the routers, where one can be opened."""


def phone(name, *callee, number, **environment):
    """Start a phone; for each call it has a name and ports of its own, as routers remember those of the last one."""
    place, address, port = PHONES[name]
    port += 10 * number
    return subprocess.Popen(
        INTERNET.inside(place, sys.executable, str(PHONE), SWITCH, address, str(port), f"{name}{number}", PASSWORD,
                        *(f"{one}{number}" for one in callee)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment,
    )  # fmt: skip


def tell(one, word):
    one.stdin.write(f"{word}\n")
    one.stdin.flush()


def said_by(*phones):
    return [one.stdout.readline().strip() for one in phones]


def call(command, caller, callee, **environment):
    """Let one phone call another; returns whether each was heard, the caller first, and what was said of that."""
    number = next(CALLS)
    far = phone(callee, number=number, **environment)
    near = phone(caller, callee, number=number, **environment)
    try:
        assert said_by(far, near) == ["ready", "ready"]
        tell(near, "now")
        assert said_by(far, near) == ["talking", "talking"]
        for one in (far, near) * PACKETS:
            tell(one, "send")
            assert said_by(one) == ["sent"]
        tell(far, "end")
        tell(near, "end")
        heard = [int(one.communicate(timeout=60)[0].strip() or -1) for one in (far, near)]
    finally:
        for one in (far, near):
            one.kill()
            one.wait(60)
    trace = until(
        lambda: (found := json.loads(command("trace", "last", "--json")))["audio"] and found,
        "the trace has both ends",
    )  # fmt: skip
    (audio,) = trace["audio"]
    return tuple(count > 0 for count in heard), (audio["to_leg"], audio["to_caller"])


YES, NO, PERHAPS = "yes", "no", "perhaps"

# caller, callee, what is said of the callee hearing the caller and of the caller hearing the callee, who hears
KEEP = [
    ("alice", "bob", (YES, YES), (True, True)),
    ("alice", "carol", (YES, YES), (True, True)),
    ("alice", "dave", (YES, YES), (True, True)),
    ("dave", "carol", (YES, YES), (True, True)),
]
RANDOM = [
    ("alice", "bob", (YES, YES), (True, True)),
    ("alice", "carol", (NO, NO), (False, False)),
    ("alice", "dave", (YES, PERHAPS), (True, False)),
    ("dave", "carol", (PERHAPS, YES), (False, True)),
]


def test_the_table_in_the_docs_is_this_one():
    text = (Path(__file__).parents[2] / "docs" / "nat.md").read_text("utf-8")
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.splitlines()
        if line[:1] == "|"
    ]
    behind = {"keep": "keeps", "random": "changes"}
    for kind, table in (("keep", KEEP), ("random", RANDOM)):
        for caller, callee, said, _ in table:
            ends = ["no router" if name == "dave" else behind[kind] for name in (caller, callee)]
            if {caller, callee} == {"alice", "bob"}:
                ends[1] = "same router"
            assert (*ends, *said) in rows


@pytest.mark.parametrize(
    ("kind", "caller", "callee", "said", "heard"),
    [("keep", *row) for row in KEEP] + [("random", *row) for row in RANDOM],
)
def test_who_hears_whom_is_what_was_said(internet, command, kind, caller, callee, said, heard):
    internet.use(kind)
    found, audio = call(command, caller, callee)

    assert tuple(one["verdict"] for one in audio) == said
    assert found == heard


def test_a_phone_that_answers_where_it_is_heard_from_makes_perhaps_a_yes(internet, command):
    internet.use("random")
    found, audio = call(command, "alice", "dave", LATCH="1")

    assert [one["verdict"] for one in audio] == [YES, PERHAPS]
    assert found == (True, True)


def test_a_router_that_does_not_lead_back_inside_is_why_two_phones_behind_it_are_silent(internet, command):
    """Both name the address that the router has outside, as phones that use STUN do."""
    internet.use("keep")
    found, audio = call(command, "alice", "bob", MEDIA=ROUTERS["r1"])

    assert [one["verdict"] for one in audio] == [PERHAPS, PERHAPS]
    assert "lead back inside" in audio[0]["why"]
    assert found == (False, False)
