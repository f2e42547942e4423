"""What a script knows of its owner's secrets is written down nowhere, and goes on after a kill."""

import asyncio
import base64
import json

import pytest
import structlog

from sipwright.services.dialplan import Executions
from sipwright.services.dialplan.execution.secrets import Secrets

from ..running import Host, Plan

KEY = "tr0ub4dor&3 / ü"


class Vault:
    """A cipher that a test can look through."""

    def seal(self, plain, place):
        return b"sealed " + base64.b64encode(place.encode() + b"|" + plain)

    def open(self, sealed, place):
        found, _, plain = base64.b64decode(sealed.removeprefix(b"sealed ")).partition(b"|")
        if found != place.encode():
            raise ValueError("sealed for another place")
        return plain


class Outside:
    """The world outside: has one secret, and notes what pages it is asked for."""

    def __init__(self, secret=KEY):
        self.secret = secret
        self.asked = []
        self.hang = self.hang_on_secrets = False
        self.begun = asyncio.Event()

    async def perform(self, ask, row, sequence):
        if ask.function == "secret":
            if self.hang_on_secrets:
                self.begun.set()
                await asyncio.Event().wait()
            return self.secret
        self.asked.append(ask.arguments)
        self.begun.set()
        if self.hang:
            await asyncio.Event().wait()
        return {"status": 200, "text": f"you said {self.secret}", "json": None, "headers": {}}


@pytest.fixture
def outside(world):
    world.executions.effects, world.executions.vault = Outside(), Vault()
    return world.executions.effects


def written(world):
    """Return everything that went into the database of a run."""
    rows = [str(row) for row in (world.row, *world.rows.entries())]
    return "\n".join([*rows, *map(repr, world.rows.snapshots)])


async def test_a_secret_is_sent_and_stands_nowhere_else(world, outside):
    source = (
        'key = secret("API_KEY")\n'
        'page = http_get("https://x.example/?k=a", headers={"Authorization": f"Bearer {key[:11]}"})\n'
        'log("the key is", key, [key], page.text)\nprint(key)\nsleep(5)\nraise ValueError(f"bad {key}")'
    )
    outside.secret = "tr0ub4dor&3"
    with structlog.testing.capture_logs() as log_lines:
        world.run(source)
        await world.armed.wait()
        world.timers[-1].callback()
        ending = await world.wish()

    assert outside.asked[0]["headers"] == {"Authorization": "Bearer tr0ub4dor&3"}
    assert "tr0ub4dor" not in written(world)
    assert "tr0ub4dor" not in str(ending)
    assert "tr0ub4dor" not in str(log_lines)
    assert ending.sentence == "line 6: ValueError: bad <secret:API_KEY>"
    told = {function: (arguments, result) for function, arguments, result in world.rows.told()}
    assert told["secret"] == ({"line": 1, "name": "API_KEY"}, {"value": "<secret:API_KEY>"})
    assert told["http_get"][0]["headers"] == {"Authorization": "Bearer <secret:API_KEY>"}
    assert told["http_get"][1]["value"]["text"] == "you said <secret:API_KEY>"
    assert told["log"][0][0] == [
        3,
        "the key is <secret:API_KEY> ['<secret:API_KEY>'] you said <secret:API_KEY>",
    ]


async def test_another_process_asks_again_with_the_secret_that_the_first_one_had(world, outside):
    source = "page = http_get(f\"https://x.example/{secret('K')}\")\nlog(page.status)\nrespond(486)"
    outside.secret, outside.hang = "s3cr3t/value", True
    world.run(source)
    await outside.begun.wait()
    assert "s3cr3t" not in written(world)
    again = await resumed(world, source, Outside("changed"))
    await again.begun.wait()

    assert again.asked[0]["url"] == "https://x.example/s3cr3t/value"
    assert (await world.wish()).status == 486
    assert "s3cr3t" not in written(world)


async def test_another_process_reads_a_secret_anew_that_was_never_used(world, outside):
    """SIGKILL before the answer, or right after it: nothing of it was stored."""
    source = 'log(secret("K") == "the new one")'
    outside.hang_on_secrets = True
    world.run(source)
    await outside.begun.wait()
    await resumed(world, source, Outside("the new one"))
    await world.wish()

    assert world.rows.told()[-1] == ("log", [[1, "True"]], None)


async def resumed(world, source, effects):
    world.executions.stop()
    row, host = world.row, Host(world.rows)
    world.host = host
    again = Executions(
        world.executions.sandbox, world.rows, clock=lambda: world.now[0], call_later=world.call_later,
        effects=effects, vault=Vault(),
    )  # fmt: skip
    again.restore(tuple(row), [tuple(entry) for entry in world.rows.entries()], Plan(source), host)
    return effects


async def test_a_run_that_another_key_has_sealed_fails_with_a_sentence(world, outside):
    world.run('x = secret("K")\nsleep(5)')
    await world.armed.wait()
    row = world.row._replace(id="other")
    host = world.host = Host(world.rows)
    world.executions.restore(tuple(row), [tuple(one) for one in world.rows.entries()], Plan("x"), host)

    assert (await world.wish()).sentence == "the script cannot go on: sealed for another place"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('dial("bob@local", headers={"X-Key": key})', "dial()"),
        ('dial(f"{key}@local")', "dial()"),
        ("respond(486, key)", "a response"),
        ('progress(183, headers={"X-Key": key})', "a response"),
        ('store.set("k", key)', "store.set()"),
        ('send_message("bob@local", key)', "send_message()"),
    ],
)
async def test_what_would_give_a_secret_away_fails(world, outside, line, what):
    outside.secret = "topsecret"
    world.run(f'key = secret("K")\nlog("x")\n{line}\nsleep(1)')
    ending = await world.wish()

    assert f"{what} would tell a secret" in ending.sentence
    assert "topsecret" not in written(world) + str(ending)


def known(**values):
    secrets = Secrets()
    secrets.add(values)
    return secrets


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"x{KEY}y", "x<secret:K>y"),
        ("tr0ub4dor%263%20/%20%C3%BC", "<secret:K>"),
        ("tr0ub4dor%263%20%2F%20%C3%BC", "<secret:K>"),
        ("tr0ub4dor%263+%2F+%C3%BC", "<secret:K>"),
        (json.dumps(KEY), '"<secret:K>"'),
        (base64.b64encode(KEY.encode()).decode(), "<secret:K>"),
        ({"a": [KEY, 7, None]}, {"a": ["<secret:K>", 7, None]}),
        (("a", KEY), ["a", "<secret:K>"]),
        ("l" * 100 + KEY[:9], "l" * 100 + "<secret:K>"),
        ("l" * 100 + KEY[:9] + "..." + KEY[-8:] + " end", "l" * 100 + "<secret:K>...<secret:K> end"),
    ],
)  # fmt: skip
def test_a_secret_is_hidden_however_it_is_written(value, shown):
    assert known(K=KEY).hide(value) == shown


def test_a_short_secret_is_only_hidden_as_a_word_of_its_own():
    assert known(PIN="1234").hide("12345 1234, 1234") == "12345 <secret:PIN>, <secret:PIN>"
    assert not known(PIN="1234").is_in({"to": "12345@local"})
