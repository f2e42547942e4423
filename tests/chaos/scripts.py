"""What the switch is set up with: the accounts, their dialplans, its providers."""

from __future__ import annotations

import re

__all__ = [
    "ACCOUNTS",
    "CALLERS",
    "CLOSING_PHONES",
    "CLOSING_PROVIDERS",
    "NAT_PHONES",
    "PLANS",
    "PROVIDERS",
    "TCP_PHONES",
    "UDP_PHONES",
    "dialplans",
]

UDP_PHONES = (
    "pa", "pb", "pc", "ga", "gb", "gc", "gd", "na", "sa", "ta", "tb", "wa", "da", "db", "la", "ra",
    "ha", "ma", "ca", "ka", "kb", "va", "qa",
)  # fmt: skip
"""Accounts whose phones take calls over UDP, several at one socket."""

TCP_PHONES = ("xa", "xb", "xc", "xd")
"""Accounts whose phones have a TCP connection each; the first two have an instance ID (RFC 5626 §4.1)."""

CLOSING_PHONES = tuple(f"z{number}" for number in range(12))
"""Accounts whose phones have a TCP connection each, which they close in a call, to open another one."""

CLOSING_PROVIDERS = 8
"""How many providers there are by TCP that close the connection in a call, each at a port of its own."""

NAT_PHONES = ("ya", "yb", "yc", "yd")
"""Accounts whose phones use UDP from behind a NAT that gives them other ports."""

CALLERS = ("oa", "ob")
"""Accounts that make authenticated calls."""

PROVIDERS = {
    "trunk": ("udp", 401),
    "carrier": ("tcp", 407),
    **{f"closing{number}": ("tcp", 0) for number in range(CLOSING_PROVIDERS)},
}
"""Providers of the switch: over what, and how they challenge it, if they do (RFC 3261 §22)."""

PLANS = {
    "pulse": 'respond(486, "Here")\n',
    "noanswer": """
log("ringing")
result = dial("na@local", ring=5)
log(f"{result.status}")
respond(480, "Nobody")
""",
    "groups": """
dial("ga@local | gb@local & gc@local | gd@local", ring=4)
log("nobody")
respond(486, "All Busy")
""",
    "sleeping": """
log("before")
sleep(3)
log("after")
dial("sa@local", ring=40)
""",
    "twice": """
one = dial("ta@local", ring=3)
log(f"{one.status}")
sleep(1)
two = dial("tb@local", ring=40)
log(f"{two.status}")
respond(603, "Declined Twice")
""",
    "waiting": """
result = dial("wa@local", ring=40, wait=True)
log(f"{result.answered}")
""",
    "delayed": 'dial("da@local & db@local[delay=2]", ring=40)\n',
    "limited": 'dial("la@local[limit=5]", ring=40)\n',
    "progress": 'respond(183, "Please Wait")\nsleep(2)\ndial("ra@local", ring=40)\n',
    "out": 'log("out")\ndial(f"{req.user}@local[transfer=place]", ring=40)\n',
    "patient": 'dial("qa@local", ring=40)\nlog("never")\n',
    "asleep": 'respond(183)\nsleep(40)\nlog("never")\n',
    "getting": """
page = http_get("WEB/" + req.headers["X-Chaos"])
log(page.text)
dial("ha@local", ring=40)
""",
    "posting": """
try:
    page = http_post("WEB/" + req.headers["X-Chaos"], data="once")
    log(f"done {page.status}")
except RuntimeError as error:
    log(f"unknown {error}")
respond(486, "Posted")
""",
    "mailing": """
try:
    email("boss@example.org", req.headers["X-Chaos"], "Somebody called.")
    log("done")
except RuntimeError as error:
    log(f"unknown {error}")
dial("ma@local", ring=40)
""",
    "counting": """
number = store.add("begun")
result = dial("ca@local", ring=40, wait=True)
log(f"{number} {result.answered}")
store.add("ended")
""",
    "callback": """
number = req.headers["X-Chaos"]
callback(f"ka@local[from_user=p{number}]", f"kb@local[from_user=p{number}]", delay=2, ring=40)
respond(486, "Called Back")
""",
    "trunk": 'dial("555@trunk", ring=40)\n',
    "carrier": 'dial("777@carrier", ring=40)\n',
    "moved": 'dial("va@local", ring=40)\n',
    "closing": 'which = req.headers["X-Through"]\ndial(f"888{which}@closing{which}", ring=40)\n',
}


_SHORT = re.compile(r"ring=([0-9])\b")


def dialplans(web: str, longer: int = 0) -> dict[str, str]:
    """Return the dialplans by name.

    Args:
        web: The URL of the web server that they know.
        longer: Seconds that are added to the short ring times, of those that are to pass.
    """

    def add(match: re.Match[str]) -> str:
        return f"ring={int(match[1]) + longer}"

    return {name: _SHORT.sub(add, source).lstrip("\n").replace("WEB", web) for name, source in PLANS.items()}


ACCOUNTS = [
    *((name, "", "") for name in (*UDP_PHONES, *TCP_PHONES, *CLOSING_PHONES, *NAT_PHONES)),
    *((name, "out", "") for name in CALLERS),
    *((f"s-{name}", "", name) for name in PLANS if name != "out"),
]
