"""What scripts ask of the world outside their calls: who is asked, and what the script is told."""

import time
from types import SimpleNamespace

import pytest

from sipwright.node.script_effects import ScriptEffects
from sipwright.services.dialplan import Ask, EffectError
from sipwright.services.dialplan.language.catalogue import OUTSIDE
from sipwright.services.dialstring import parse_dial_string
from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding
from sipwright.sip import Reject
from sipwright.store import StoreError

OWNER, STRANGER = 7, 8


def account(number, user_id, name, domain="example.org"):
    return SimpleNamespace(id=number, user_id=user_id, username=name, domain=domain)


ACCOUNTS = [account(1, OWNER, "alice"), account(2, OWNER, "desk"), account(3, STRANGER, "bob")]


class World:
    """The surroundings of a script of alice's, and what was asked of them."""

    def __init__(self):
        self.asked = []
        self.answer = lambda: "answered"
        self.locations = LocationTable()
        self.directory = SimpleNamespace(
            account_by_id={each.id: each for each in ACCOUNTS}.get,
            default_domain=SimpleNamespace(name="example.org"),
            dialplan={5: SimpleNamespace(name="out")}.get,
        )
        store = SimpleNamespace(
            directory=self.directory,
            load_account=self.load_account,
            database=SimpleNamespace(dialect="sqlite"),
        )
        service = SimpleNamespace(get=self.get, post=self.post, find=self.find, send=self.send)
        self.effects = ScriptEffects(store, self.locations, lambda: self, service, service, service)

    async def ask(self, function, account_id=1, **arguments):
        row = SimpleNamespace(
            id="run", call_id="call", account_id=account_id, user_id=OWNER, dialplan_id=5, version=3
        )
        return await self.effects.perform(Ask(function, arguments), row, 4)

    async def load_account(self, user, domain):
        return next((each for each in ACCOUNTS if (each.username, each.domain) == (user, domain)), None)

    async def get(self, *arguments):
        self.asked.append(arguments)
        return self.answer()

    post = find = send = get

    def send_text(self, identity, sender, legs, text, then):
        self.asked.append((identity.account_id, sender, legs, text))
        then(True)

    def call_back(self, identity, sender, a, b, *, delay, ring):
        self.asked.append((identity.dialplan, identity.version, sender, a, b, delay, ring))
        return self.answer()

    def pick_up(self, call_id, account_id):
        self.asked.append((call_id, account_id))
        return True

    def park(self, call_id, slot, seconds, back):
        self.asked.append((call_id, slot.username, seconds, back))
        return True

    def register(self, number, *, expires_in=100):
        expires_at = int(time.monotonic()) + expires_in
        binding = Binding(
            expires_at, 1, "id", "udp/10.0.0.1:5060/192.0.2.9:5062", "", "<sip:phone@192.0.2.9>"
        )
        self.locations.put(number, [binding])


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(
    ("function", "arguments", "asked"),
    [
        ("http_get", {"url": "u", "headers": {}}, ("u", {})),
        (
            "http_post",
            {"url": "u", "headers": {}, "json": 1},
            ("u", {}, {"url": "u", "headers": {}, "json": 1}),
        ),
        ("enum_lookup", {"number": "+353", "zone": "e164.arpa"}, ("+353", "e164.arpa")),
    ],
)
async def test_what_is_asked_of_the_net_goes_to_who_can_do_it(world, function, arguments, asked):
    assert await world.ask(function, **arguments) == "answered"
    assert world.asked == [asked]


async def test_a_mail_has_nothing_to_return(world):
    assert await world.ask("email", to=["a@x"], subject="s", body="b") is None
    assert world.asked == [(["a@x"], "s", "b")]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (TimeoutError(), ("TimeoutError", "http_get(): no answer in time")),
        (ConnectionError("refused"), ("OSError", "http_get(): refused")),
        (StoreError("away"), ("OSError", "http_get(): away")),
        (ValueError("no URL"), ("ValueError", "http_get(): no URL")),
    ],
)
async def test_a_fault_is_told_to_the_script_as_an_exception_of_python(world, fault, told):
    def fail():
        raise fault

    world.answer = fail
    with pytest.raises(EffectError) as caught:
        await world.ask("http_get", url="u", headers={})

    assert (caught.value.exception, str(caught.value)) == told


@pytest.mark.parametrize("name", ["desk", "desk@local", "desk@example.org", "desk@EXAMPLE.org"])
async def test_an_account_is_named_with_or_without_its_domain(world, name):
    assert await world.ask("is_registered", name=name) is False
    world.register(2)

    assert await world.ask("is_registered", name=name) is True


async def test_an_account_that_is_not_there_is_not_registered(world):
    assert await world.ask("is_registered", name="nobody") is False


async def test_a_binding_that_has_expired_is_none(world):
    world.register(2, expires_in=-1)

    assert await world.ask("is_registered", name="desk") is False
    assert await world.ask("bindings", name="desk") == []


async def test_bindings_say_where_a_phone_is_and_for_how_long(world):
    world.register(2)
    (binding,) = await world.ask("bindings", name="desk")

    assert (binding["uri"], binding["source"]) == ("sip:phone@192.0.2.9", "192.0.2.9:5062")
    assert 98 <= binding["expires_in"] <= 100


async def test_where_the_phones_of_others_are_is_not_told(world):
    world.register(3)
    with pytest.raises(EffectError, match=r"'bob' is not an account of yours"):
        await world.ask("bindings", name="bob")


async def test_a_text_goes_out_in_the_name_of_the_scripts_account(world):
    assert await world.ask("send_message", to="bob@local & desk@local", text="hello") is True
    assert world.asked == [
        (1, "sip:alice@example.org", list(parse_dial_string("bob@local & desk@local")[0]), "hello")
    ]


async def test_a_call_back_carries_the_version_of_the_dialplan_that_asked_for_it(world):
    world.answer = lambda: "call"

    assert await world.ask("callback", a="desk@local", b="bob@local | x@trunk", delay=1.0, ring=9.0) == "call"
    assert world.asked == [
        (
            "out",
            3,
            "sip:alice@example.org",
            parse_dial_string("desk@local"),
            parse_dial_string("bob@local | x@trunk"),
            1.0,
            9.0,
        )
    ]


async def test_a_switch_without_room_is_an_error_of_the_script(world):
    def refuse():
        raise Reject(503, "Too Many Calls")

    world.answer = refuse
    with pytest.raises(EffectError, match="Too Many Calls"):
        await world.ask("callback", a="desk@local", b="bob@local", delay=0.0, ring=9.0)


@pytest.mark.parametrize("function", ["send_message", "callback"])
async def test_without_its_account_a_script_can_speak_in_nobodys_name(world, function):
    with pytest.raises(EffectError, match="the account of this dialplan is gone"):
        await world.ask(
            function, account_id=99, to="bob@local", a="a@b", b="a@b", text="", delay=0.0, ring=9.0
        )


async def test_a_dialplan_of_a_provider_speaks_in_the_name_of_its_owner(world):
    world.directory.users = {OWNER: SimpleNamespace(name="root")}
    await world.ask("send_message", account_id=None, to="bob@local", text="hello")

    assert world.asked == [(None, "sip:root@example.org", list(parse_dial_string("bob@local")[0]), "hello")]


async def test_a_call_is_parked_at_a_slot_and_rings_back_to_who_has_parked_it(world):
    assert await world.ask("park", name="desk", seconds=60.0) is True
    assert await world.ask("park", name="desk@example.org", seconds=5.0, back="desk") is True
    assert await world.ask("pick_up", name="desk") is True

    assert world.asked == [("call", "desk", 60.0, None), ("call", "desk", 5.0, 2), ("call", 2)]


@pytest.mark.parametrize("arguments", [
    {"name": "bob"}, {"name": "nobody"}, {"name": "desk", "back": "bob"},
])  # fmt: skip
async def test_a_call_is_parked_only_where_and_for_whom_one_may(world, arguments):
    with pytest.raises(EffectError, match="account of yours"):
        await world.ask("park", seconds=60.0, **arguments)

    assert world.asked == []


def test_all_is_done_that_the_catalogue_says_is_done_outside():
    store = {name for name in OUTSIDE if name.startswith("store.")}

    assert World().effects._effects.keys() | store == OUTSIDE
