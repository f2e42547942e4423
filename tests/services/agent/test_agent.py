"""The agent at work: a registrar on a memory network, and hours that pass in milliseconds."""

import random
from collections import Counter

import pytest
from structlog.testing import capture_logs

from .conftest import Registrar


async def test_it_registers_and_says_so(world):
    world.registrar.realm = "b"
    world.add()
    node = await world.start()

    await world.run(1.0)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.1:5060"]
    assert [request.cseq.number for request in world.requests] == [1, 2]
    row = world.row
    assert (row.node, row.state, row.status, row.reason, row.cseq) == ("a", "registered", 200, "OK", 2)
    assert row.call_id == world.requests[0].call_id
    assert row.expires_at == pytest.approx(world.unix_time() + 3600, abs=2)
    assert node.agent.snapshot().states == {"registering": 0, "registered": 1, "failed": 0}


async def test_a_registration_that_does_not_hold_is_told_of_by_name(world):
    """Also when it was refused so often that nobody asks any more."""
    world.registrar.answer = lambda request: world.registrar.refuse(request, 403)
    world.add()
    node = await world.start()

    await world.run(3 * 3600.0)

    snapshot = node.agent.snapshot()
    assert snapshot.states["stopped"] == 1
    [(name, why)] = snapshot.troubled
    assert name == "trunk"
    assert why.endswith("stopped after 3 refusals")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
async def test_it_answers_with_every_algorithm(world, algorithm):
    world.registrar.realm, world.registrar.algorithm = "b", algorithm
    world.add()
    await world.start()

    await world.run(1.0)

    assert world.row.state == "registered"


async def test_it_stays_registered(world):
    """A day long, with the same Call-ID and a rising CSeq, and no oftener than needed."""
    world.add()
    await world.start()
    lapses = 0
    for _ in range(24 * 60):
        await world.run(60.0)
        lapses += not world.registrar.contacts

    assert lapses == 0
    assert len(world.requests) == 27
    assert len({request.call_id for request in world.requests}) == 1
    assert [request.cseq.number for request in world.requests] == list(range(1, 28))
    assert set(world.waits()) == {3240.0}


async def test_it_survives_a_lossy_network(world):
    world.network.drop = 0.3
    world.registrar.granted = 120
    world.add()
    await world.start()
    lapses = 0
    for _ in range(240):
        await world.run(15.0)
        lapses += not world.registrar.contacts

    assert lapses <= 2


# --- restarts --------------------------------------------------------------------------------------


async def test_a_restart_changes_nothing_until_the_renewal_is_due(world):
    """SIGTERM leaves it in place; the next process goes on with the Call-ID and a higher CSeq."""
    world.add()
    await world.start()
    await world.run(600.0)

    await world.restart(60.0)
    await world.run(2_500.0)
    assert len(world.requests) == 1
    await world.run(200.0)

    first, second = world.requests
    assert second.call_id == first.call_id
    assert second.cseq.number > first.cseq.number
    assert world.waits() == [3240.0]
    assert world.registrar.contacts == ["sip:0f5a@192.0.2.1:5060"]


async def test_after_a_long_pause_it_registers_at_once(world):
    world.add()
    await world.start()
    await world.run(1.0)

    await world.restart(20_000.0)
    await world.run(1.0)

    assert len(world.requests) == 2
    assert world.row.state == "registered"


async def test_a_new_address_is_told_at_once_and_replaces_the_old_one(world):
    world.add()
    await world.start()
    await world.run(1.0)

    await world.restart(host="192.0.2.5")
    await world.run(1.0)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.5:5060"]


async def test_a_refusal_outlives_a_restart(world):
    world.registrar.answer = lambda request: world.registrar.refuse(request, 403)
    world.add()
    await world.start()
    await world.run(1.0)

    await world.restart()
    await world.run(1_500.0)

    assert len(world.requests) == 1


async def test_when_the_account_went_while_nobody_ran_the_registration_goes_too(world):
    world.add()
    await world.start()
    await world.run(1.0)
    world.records.troubles[1] = "gone"

    await world.restart()
    await world.run(1.0)

    assert (world.registrar.contacts, world.row.state) == ([], "failed")


async def test_what_was_disabled_while_nobody_ran_is_removed(world):
    world.add()
    await world.start()
    await world.run(1.0)
    node = world.nodes.pop()
    await node.stop()
    world.change(is_enabled=False)

    await world.start()
    await world.run(1.0)

    assert world.requests[-1].expires == 0
    assert (world.registrar.contacts, world.records.rows) == ([], {})


async def test_what_was_disabled_after_it_had_failed_is_forgotten(world):
    world.registrar.answer = lambda request: world.registrar.refuse(request, 403)
    world.add()
    await world.start()
    await world.run(1.0)
    await world.nodes.pop().stop()
    world.change(register=False)

    await world.start()
    await world.run(1.0)

    assert (len(world.requests), world.records.rows) == (1, {})


# --- failures --------------------------------------------------------------------------------------


async def test_silence_is_retried_for_ever_and_ends_with_the_first_answer(world):
    """A registrar that is away for a day."""
    world.registrar.is_silent = True
    world.add()
    node = await world.start()
    await world.run(86_400.0)
    assert (world.row.state, world.row.status, world.row.reason) == ("failed", 408, "No Answer")
    assert node.agent.done[1] < 100

    world.registrar.is_silent = False
    await world.run(2_000.0)

    assert world.row.state == "registered"


async def test_a_name_that_cannot_be_found_is_never_the_end(world):
    """A DNS of our own that fails for hours says nothing about the provider."""
    world.add(server="b.example")
    node = await world.start()
    await world.run(5 * 3600.0)
    assert (world.row.state, world.row.status) == ("failed", None)
    assert "b.example" in world.row.reason
    assert 10 < node.lookups < 40

    world.names["b.example"] = ["192.0.2.9"]
    await world.run(2_000.0)

    assert world.row.state == "registered"


async def test_what_failed_together_comes_back_apart(world):
    """Each waits for half to all of its time."""
    world.registrar.answer = lambda request: world.registrar.refuse(request, 503)
    world.add()
    await world.start()

    await world.run(700.0)

    assert world.waits() == [45.0, 90.0, 180.0, 360.0]


async def test_a_wrong_password_is_tried_twice_an_attempt_at_most(world):
    """A registrar that gives a new nonce each time is believed once that the old one was stale."""
    world.registrar.realm = "b"
    world.add(password="wrong")
    await world.start()

    await world.run(40.0)

    tried = [request for request in world.requests if "Authorization" in request.headers]
    assert (len(world.requests), len(tried)) == (3, 2)
    assert (world.row.state, world.row.status) == ("failed", 401)


async def test_423_is_followed(world):
    def answer(request):
        if request.expires < 7200:
            return world.registrar.refuse(request, 423, ("Min-Expires", "7200"))
        return world.registrar.accept(request)

    world.registrar.answer, world.registrar.realm, world.registrar.granted = answer, "b", 7200
    world.add()
    await world.start()

    await world.run(1.0)

    assert world.row.expires_at == pytest.approx(world.unix_time() + 7200, abs=2)
    assert [request.expires for request in world.requests] == [3600, 3600, 7200]


async def test_an_answer_that_cannot_be_sent_to_is_a_failure(world):
    """TCP was asked for, and is switched off."""
    world.add(server="192.0.2.9;transport=tcp")
    await world.start()

    await world.run(1.0)

    assert world.row.reason == "no way to 192.0.2.9: TCP is switched off here; see [sip] tcp"


async def test_a_name_that_nobody_knows_is_told_apart_from_that(world):
    world.add(server="nowhere.invalid")
    await world.start()

    await world.run(1.0)

    assert world.row.reason == "no way to nowhere.invalid: the DNS knows no address of this name"


async def test_a_dns_that_is_silent_is_told_apart_from_a_name_that_nobody_knows(world, monkeypatch):
    world.add(server="nowhere.invalid")
    node = await world.start()

    async def silent(name):
        raise OSError("nobody answers")

    monkeypatch.setattr(node.stack.outbound.resolver, "_lookup", silent)
    await world.run(1.0)

    assert world.row.reason == "no way to nowhere.invalid: the DNS does not answer"


async def test_a_server_that_makes_no_sense_is_told_once(world):
    world.add(server="host:99999")
    await world.start()
    await world.run(3_600.0)
    assert (world.row.state, len(world.records.claims)) == ("failed", 1)

    world.change(server="192.0.2.9")
    await world.run(1.0)

    assert world.row.state == "registered"


# --- changes ---------------------------------------------------------------------------------------


async def test_a_provider_is_added(world):
    await world.start()
    world.add()
    world.tell()

    await world.run(0.1)

    assert world.row.state == "registered"


async def test_many_are_added_and_removed_by_one_change(world):
    node = await world.start()
    for number in range(1, 6):
        world.add(number, username=f"u{number}", name=f"p{number}")
    node.agent.providers_changed(0, 2**31)
    await world.run(1.0)
    assert len(world.registrar.contacts) == 5

    world.records.by_id.clear()
    node.agent.providers_changed(0, 2**31)
    await world.run(1.0)

    assert (world.registrar.contacts, world.records.rows) == ([], {})


@pytest.mark.parametrize("how", ["removed", "disabled", "not to be registered"])
async def test_a_provider_that_goes_is_unregistered(world, how):
    world.registrar.realm = "b"
    world.add()
    node = await world.start()
    await world.run(1.0)

    match how:
        case "removed":
            world.remove()
        case "disabled":
            world.change(is_enabled=False)
        case _:
            world.change(register=False)
    await world.run(1.0)

    assert [request.expires for request in world.requests[2:]] == [0]
    assert (world.registrar.contacts, world.records.rows) == ([], {})
    assert node.agent.snapshot().leaving == 0
    await world.run(10_000.0)
    assert len(world.requests) == 3


async def test_one_that_goes_while_it_is_asked_for_is_unregistered_afterwards(world):
    world.add()
    await world.start()
    await world.run(0.004)
    world.remove()

    await world.run(1.0)

    assert [request.expires for request in world.requests] == [3600, 0]
    assert (world.registrar.contacts, world.records.rows) == ([], {})


async def test_a_registrar_that_does_not_answer_keeps_nobody_from_leaving(world):
    world.add()
    node = await world.start()
    await world.run(1.0)
    world.registrar.is_silent = True
    world.change(is_enabled=False)

    await world.run(40.0)

    assert (world.records.rows, node.agent.snapshot().leaving) == ({}, 0)


async def test_disabled_and_enabled_again_it_is_registered(world):
    world.add()
    await world.start()
    await world.run(1.0)
    world.change(is_enabled=False)
    await world.run(0.002)
    world.change(is_enabled=True)

    await world.run(1.0)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.1:5060"]
    assert world.row.state == "registered"


async def test_another_server_gets_the_registration_and_the_old_one_is_told(world):
    other = Registrar(world.network, "192.0.2.10")
    world.add()
    await world.start()
    await world.run(1.0)

    world.change(server="192.0.2.10")
    await world.run(1.0)

    assert (world.registrar.contacts, other.contacts) == ([], ["sip:0f5a@192.0.2.1:5060"])
    assert other.requests[0].call_id != world.requests[0].call_id
    assert (world.row.state, world.row.call_id) == ("registered", other.requests[0].call_id)


async def test_a_corrected_password_is_tried_at_once(world):
    world.registrar.realm = "b"
    world.add(password="wrong")
    await world.start()
    await world.run(5.0)

    world.change(password="secret")
    await world.run(1.0)

    assert world.row.state == "registered"


async def test_a_change_that_means_nothing_costs_nothing(world):
    world.add()
    await world.start()
    await world.run(1.0)

    world.tell()
    await world.run(10.0)

    assert len(world.requests) == 1


async def test_when_the_account_goes_the_registration_goes_and_nobody_else_gets_the_calls(world):
    world.add()
    node = await world.start()
    await world.run(1.0)

    world.records.troubles[1] = "gone"
    with capture_logs() as lines:
        node.agent.accounts_changed(11, 11)
        await world.run(1.0)

    assert (world.registrar.contacts, world.row.state, world.row.reason) == ([], "failed", "gone")
    assert [(line["event"], line["provider"], line["why"]) for line in lines if "why" in line] == [
        ("nobody takes the calls of a provider", "trunk", "gone")
    ]


async def test_who_takes_the_calls_is_nothing_that_a_provider_is_told(world):
    provider = world.add()
    await world.start()
    await world.run(1.0)
    world.change(account_id=99)
    await world.run(10.0)

    assert provider.account_id != 99
    assert len(world.requests) == 1


async def test_a_contact_of_an_older_version_is_replaced_at_once(world):
    """In one REGISTER: there is no instant at which the provider knows none of them."""
    world.add()
    await world.start()
    await world.run(1.0)
    world.records.rows[1] = world.row._replace(contact="<sip:trunk.alice@192.0.2.1:5060>")

    await world.restart()
    await world.run(1.0)

    assert world.requests[-1].headers.get_all("Contact") == [
        "<sip:0f5a@192.0.2.1:5060>", "<sip:trunk.alice@192.0.2.1:5060>;expires=0",
    ]  # fmt: skip


async def test_it_says_who_has_accepted_the_registration_at_once_after_a_restart_too(world):
    """Calls may come from there, whatever the DNS says next."""
    world.add()
    await world.start()
    await world.run(1.0)
    assert (world.addresses, world.row.address) == ({1: "192.0.2.9"}, "192.0.2.9")

    world.addresses.clear()
    await world.restart()
    assert world.addresses == {1: "192.0.2.9"}

    await world.run(1.0)
    world.remove()
    await world.run(1.0)
    assert world.addresses == {1: None}


async def test_without_an_account_nothing_is_registered_until_there_is_one(world):
    world.add(trouble="The owner has no enabled account in the default domain")
    node = await world.start()
    await world.run(100.0)
    assert (world.requests, world.row.state) == ([], "failed")
    assert "no enabled account" in world.row.reason

    world.records.troubles[1] = None
    node.agent.accounts_changed(99, 99)
    await world.run(1.0)
    assert world.registrar.contacts == ["sip:0f5a@192.0.2.1:5060"]

    world.records.troubles[1] = "gone"
    node.agent.domains_changed()
    await world.run(1.0)
    assert (world.registrar.contacts, world.row.state) == ([], "failed")


# --- many ------------------------------------------------------------------------------------------


async def test_thousands_do_not_fire_in_one_second(world):
    count = 2_000
    for number in range(1, count + 1):
        world.add(number, username=f"u{number}", name=f"p{number}")
    await world.start()

    await world.run(count / 80)

    times = world.registrar.times
    by_second = [int(at) for at in times]
    assert len(times) == count
    assert max(by_second.count(second) for second in set(by_second)) <= 125
    assert {row.state for row in world.records.rows.values()} == {"registered"}


async def test_what_has_begun_together_is_not_renewed_together(world):
    """Each renewal comes up to a quarter earlier than it has to; one alone is renewed as late as can be."""
    dice = random.Random(1)
    for number in range(1, 201):
        world.add(number, username=f"u{number}", name=f"p{number}")
    node = await world.start()
    node.agent._chance = dice.random
    await world.run(3_600.0)

    first, renewed = world.registrar.times[:200], world.registrar.times[200:]
    assert max(first) - min(first) < 5
    assert len(renewed) == 200
    assert max(renewed) - min(renewed) > 180
    assert max(Counter(int(at / 10) for at in renewed).values()) < 30
    assert min(renewed) >= 3240 - 200


async def test_one_is_not_kept_waiting_by_the_pace(world):
    world.add()
    await world.start()

    await world.run(0.02)

    assert len(world.requests) == 1


# --- more than one node ----------------------------------------------------------------------------


async def test_one_node_registers_and_the_other_leaves_it_alone(world):
    world.add()
    await world.start("a", "192.0.2.1")
    await world.start("b", "192.0.2.2")

    await world.run(20_000.0)

    assert len(world.registrar.contacts) == 1
    assert len({request.call_id for request in world.requests}) == 1
    assert set(world.waits()) == {3240.0}


async def test_nothing_is_sent_while_another_node_may_have_taken_over(world):
    world.add()
    is_sure = False
    await world.start(may_act=lambda: is_sure)
    await world.run(60.0)
    before = len(world.requests)
    is_sure = True
    await world.run(2.0)

    assert (before, len(world.requests), world.row.state) == (0, 1, "registered")


async def hand_over(world, first):
    """Let a second node go on with the registration of the first, which ends."""
    second = await world.start("b", "192.0.2.2")
    world.nodes.remove(first)
    await first.stop()
    world.records.rows[1] = world.row._replace(node="b")
    second.agent.adopt([world.row])
    await world.run(1.0)


async def test_what_another_node_has_left_is_renewed_at_once_from_here(world):
    """What `adopt` is told of: the provider hears the same client, which has moved."""
    world.add()
    first = await world.start("a", "192.0.2.1")
    await world.run(1.0)
    await hand_over(world, first)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.2:5060"]
    assert len({request.call_id for request in world.requests}) == 1
    assert world.requests[-1].cseq.number > world.requests[0].cseq.number


async def test_what_a_node_that_died_has_bound_without_knowing_is_taken_back(world):
    """Its REGISTER was accepted, and it ended before it heard so: in its row is still what it had before."""
    world.add()
    first = await world.start("a", "192.0.2.1")
    await world.run(1.0)
    (bound,) = world.registrar.bindings.values()
    bound["sip:0f5a@192.0.2.7:5060"] = world.network.now + 3600.0
    await hand_over(world, first)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.2:5060"]
    assert len({request.call_id for request in world.requests}) == 1
    count = len(world.requests)
    await world.run(60.0)
    assert len(world.requests) == count


async def test_a_node_registers_only_its_share(world):
    world.add()
    await world.start("a", "192.0.2.1", is_share=lambda provider_id: False)
    await world.run(200.0)
    before = len(world.requests)
    await world.start("b", "192.0.2.2")
    await world.run(1.0)

    assert (before, world.registrar.contacts, world.row.node) == (0, ["sip:0f5a@192.0.2.2:5060"], "b")


async def test_what_becomes_another_nodes_share_moves_without_a_lapse(world):
    world.add()
    shares = {"a"}
    await world.start("a", "192.0.2.1", is_share=lambda provider_id: "a" in shares)
    await world.run(1.0)
    await world.start("b", "192.0.2.2", is_share=lambda provider_id: "b" in shares)
    shares = {"b"}
    lapses = 0
    for _ in range(130):
        await world.run(1.0)
        lapses += len(world.registrar.contacts) != 1

    assert (lapses, world.registrar.contacts, world.row.node) == (0, ["sip:0f5a@192.0.2.2:5060"], "b")
    assert len({request.call_id for request in world.requests}) == 1


async def test_another_node_takes_over_when_the_lease_has_run_out(world):
    world.add()
    await world.start("a", "192.0.2.1")
    await world.run(1.0)
    await world.start("b", "192.0.2.2")
    await world.nodes.pop(0).stop()

    await world.run(3_600.0)
    assert len(world.requests) == 1
    await world.run(150.0)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.2:5060"]
    assert world.row.node == "b"


async def test_what_lapsed_is_left_to_the_node_that_took_it(world):
    world.registrar.granted = 120
    world.add()
    node = await world.start()
    await world.run(1.0)
    world.registrar.answer = lambda request: world.registrar.refuse(request, 503)
    await world.run(124.0)
    count = len(world.requests)
    world.records.rows[1] = world.row._replace(node="b", state="failed", updated_at=world.unix_time())

    await world.run(2_000.0)

    assert (len(world.requests), world.row.node) == (count, "b")
    assert sum(node.agent.snapshot().states.values()) == 0


async def test_a_node_that_was_away_finds_out_that_it_has_been_relieved(world):
    """Both are registered for a while; then the one whose claim is gone takes its contact back."""
    world.add()
    first = await world.start("a", "192.0.2.1")
    await world.run(1.0)
    world.records.rows[1] = world.row._replace(node="b", contact="<sip:0f5a@192.0.2.2>")

    await world.run(61.0)

    assert world.registrar.contacts == []
    assert world.row.node == "b"
    assert first.agent.snapshot().states["registered"] == 0


async def test_one_that_shares_its_address_takes_nothing_back(world):
    world.add()
    await world.start("a", "192.0.2.1")
    await world.run(1.0)
    world.records.rows[1] = world.row._replace(node="b")

    await world.run(61.0)

    assert len(world.requests) == 1


# --- the database ----------------------------------------------------------------------------------


async def test_renewals_go_on_while_the_database_is_away(world):
    world.add()
    await world.start()
    await world.run(1.0)
    world.records.is_away = world.records.is_full = True

    await world.run(86_400.0)

    assert world.registrar.contacts == ["sip:0f5a@192.0.2.1:5060"]
    assert set(world.waits()) == {3240.0}


async def test_what_is_new_waits_for_the_database(world):
    await world.start()
    world.records.is_away = True
    world.add()
    world.tell()
    await world.run(130.0)
    assert world.requests == []

    world.records.is_away = False
    await world.run(15.0)

    assert world.row.state == "registered"


async def test_after_its_lease_a_registration_is_claimed_again_before_it_is_tried(world):
    """It ran out with the registration, so another node may be at it by now."""
    world.registrar.granted = 120
    world.add()
    await world.start()
    await world.run(1.0)
    world.registrar.answer = lambda request: world.registrar.refuse(request, 503)

    await world.run(1_000.0)
    assert (world.row.state, world.row.status) == ("failed", 503)
    assert world.records.claims == [[1], [1]]

    world.registrar.answer = world.registrar.accept
    await world.run(1_000.0)

    assert world.row.state == "registered"


async def test_a_full_writer_does_not_stop_the_removal(world):
    world.add()
    node = await world.start()
    await world.run(1.0)
    world.records.is_full = True
    world.change(is_enabled=False)

    await world.run(1.0)

    assert (world.registrar.contacts, node.agent.snapshot().leaving) == ([], 0)


# --- servers that say nothing ----------------------------------------------------------------------


class Servers:
    """What the agent tells those who call."""

    def __init__(self):
        self.told = []

    def responded(self, provider, next_hop, method, response):
        self.told.append((*provider, next_hop, method, response.status, response.local))


async def test_whoever_calls_hears_that_a_registrar_says_nothing(world):
    world.registrar.is_silent = True
    world.add()
    servers = Servers()
    await world.start(servers=servers)

    await world.run(33.0)

    assert servers.told == [(1, "trunk", "sip:192.0.2.9", "REGISTER", 408, True)]


async def test_a_registrar_that_is_back_is_asked_at_once(world):
    """A call has heard of it before the next attempt was due."""
    world.registrar.is_silent = True
    world.add()
    node = await world.start()
    await world.run(33.0)
    world.registrar.is_silent = False

    node.agent.server_is_back((1, "another"))
    await world.run(1.0)
    assert world.requests == []
    node.agent.server_is_back((1, "trunk"))
    await world.run(1.0)

    assert world.row.state == "registered"


@pytest.mark.parametrize("told", ["server_is_back", "doubted"])
async def test_what_a_provider_may_have_lost_is_renewed_at_once(world, told):
    """It was started anew, or refuses calls as it does those of a stranger: until the next REGISTER none would come."""
    world.add()
    node = await world.start()
    await world.run(61.0)
    before = len(world.requests)
    for provider in ((1, "another"), (1, "trunk"), (1, "trunk")):
        getattr(node.agent, told)(provider)
        await world.run(1.0)

    assert (len(world.requests) - before, world.row.state) == (1, "registered")


@pytest.mark.parametrize(("after", "is_renewed"), [(61.0, True), (30.0, False)])
async def test_what_was_registered_over_a_connection_is_renewed_when_that_ends(world, after, is_renewed):
    """RFC 5626 §4.4.1: it may be the only way to us; some end it behind every REGISTER, and are let be."""
    registrar = Registrar(world.network, protocol="tcp")
    world.add(server="192.0.2.9;transport=tcp")
    node = await world.start(has_tcp=True)
    await world.run(after)
    for flow in list(node.tcp.flows.values()):
        node.tcp.cut(flow)
    await world.run(1.0)

    assert (len(registrar.requests), world.row.state) == (1 + is_renewed, "registered")


async def test_what_it_has_granted_just_now_is_not(world):
    world.add()
    node = await world.start()
    await world.run(30.0)
    before = len(world.requests)
    node.agent.doubted((1, "trunk"))
    await world.run(1.0)

    assert len(world.requests) == before


async def test_a_refusal_is_no_silence(world):
    world.registrar.answer = lambda request: world.registrar.refuse(request, 403)
    world.add()
    node = await world.start()
    await world.run(1.0)

    node.agent.server_is_back((1, "trunk"))
    await world.run(1.0)

    assert len(world.requests) == 1


@pytest.mark.parametrize("failure", ["503", "silence"])
async def test_a_registrar_that_fails_is_followed_by_the_next_one(world, failure):
    """RFC 3263 §4.3; the first one is asked whether it is back, and then has the registration again."""
    other = Registrar(world.network, "192.0.2.10")
    world.names["carrier.example"] = ["192.0.2.9", "192.0.2.10"]
    world.add(server="carrier.example")
    world.registrar.is_silent = failure == "silence"
    world.registrar.answer = lambda request: world.registrar.refuse(request, 503)
    node = await world.start()
    await world.run(1.0 if failure == "503" else 33.0)

    assert len(other.contacts) == 1
    assert node.agent.snapshot().states["registered"] == 1
    world.registrar.is_silent = False
    world.registrar.answer = world.registrar.accept
    await world.run(3600.0)
    methods = [request.method for request in world.requests]
    assert methods.count("OPTIONS") == 1
    assert methods[-1] == "REGISTER"
    assert (len(other.contacts), len(world.registrar.contacts)) == (0, 1)
