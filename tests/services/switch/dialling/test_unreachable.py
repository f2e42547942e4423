"""What the records and the log say of a leg that no way leads to."""

import pytest
from structlog.testing import capture_logs
from tests.services.switch.conftest import Provider

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Identity
from sipwright.sip import Uri
from sipwright.transport import ResolveError, Resolver


class Names:
    """The DNS: it knows nobody, and of one name it says nothing."""

    async def __call__(self, name):
        if name == "silent.example":
            raise OSError("the DNS says nothing")
        return [], 0.0


@pytest.fixture
async def dial(bench):
    bench.stack.outbound.resolver = Resolver(Names(), clock=bench.network.clock)
    bench.accounts.providers["typo"] = Provider("typo", "sip.typo.example")
    bench.accounts.providers["silent"] = Provider("silent", "silent.example")
    bench.accounts.providers["proxied"] = Provider("proxied", "192.0.2.9", outbound_proxy="sip.typo.example")
    for name in ("bluface", "sip.typo.example", "silent.example"):
        with pytest.raises(ResolveError):
            await bench.stack.outbound.resolver.resolve(Uri.parse(f"sip:{name}"))

    def dial(*targets):
        identity = Identity("callback", 1, 1, "example.org")
        options = {"delay": 0.0, "ring": 60.0}
        groups = parse_dial_string(" | ".join(targets))
        bench.switch.call_back(
            identity, "sip:alice@example.org", groups, parse_dial_string("bob@local"), **options
        )
        bench.run(0.05)
        rows = sorted(bench.database.rows["cdr"].items())
        return [(row[14], row[15], row[16]) for _, row in rows][1:]

    return dial


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("bob@bluface", 'No Provider Or Host "bluface"'),
        ("bob@sip.typo.example", 'No Provider Or Host "sip.typo.example"'),
        ("353@typo", 'No Address For "sip.typo.example"'),
        ("353@proxied", 'No Address For "sip.typo.example"'),
        ("353@silent", 'The DNS Does Not Answer For "silent.example"'),
        ("bob@silent.example", 'The DNS Does Not Answer For "silent.example"'),
    ],
)
async def test_the_record_of_a_mistyped_name_says_so(dial, target, reason):
    assert dial(target) == [(503, reason, "switch")]


async def test_a_transport_that_is_switched_off_is_no_mistyped_name(bench, dial):
    bench.accounts.providers["tls"] = Provider("tls", "192.0.2.9;transport=sctp")

    assert dial("353@tls") == [(503, "Unreachable", "switch")]


async def test_the_next_group_rings_all_the_same(bench, dial, alice):
    bench.account("alice", alice)
    dial("bob@bluface", "alice@local")

    assert alice.methods() == ["INVITE"]


async def test_the_log_has_a_line_on_it_once_in_a_minute(bench, dial):
    with capture_logs() as logs:
        for target in ("bob@bluface", "carol@bluface", "353@typo"):
            dial(target)
        bench.run(60.0)
        with pytest.raises(ResolveError):
            await bench.stack.outbound.resolver.resolve(Uri.parse("sip:bluface"))
        dial("carol@bluface")

    lines = [line for line in logs if line["event"] == "leg unreachable"]
    assert [(line["target"], line["reason"], line["suppressed"]) for line in lines] == [
        ("bob@bluface", 'No Provider Or Host "bluface"', 0),
        ("353@typo", 'No Address For "sip.typo.example"', 1),
        ("carol@bluface", 'No Provider Or Host "bluface"', 0),
    ]
