"""Calls that a script decides: what it dials, what it answers, and what is heard when it fails."""

import json

import pytest

from interop.harness import DOMAIN, free_port, until

pytestmark = pytest.mark.peer("sipp")

GATEWAY = "127.0.0.5"

ROUNDS = 3
"""So often something else may have kept the machine busy."""


@pytest.fixture(scope="module")
def gateway_port():
    return free_port(GATEWAY)


@pytest.fixture(scope="module")
def switch(start_switch, gateway_port):
    plans = {
        "plain": 'log(f"calling {req.user}")\ndial(f"{req.user}@local")\nrespond(480, "Nobody Home")\n',
        "impatient": 'dial(f"{req.user}@local", ring=1)\nrespond(480, "Gave Up")\n',
        "silent": 'dial(f"{req.user}@local", ring=1)\n',
        "busy": 'respond(486, "Busy Here")\n',
        "changing": 'respond(486, "Unchanged")\n',
        "progress": 'respond(183, "Thinking")\ndial(f"{req.user}@local")\n',
        "broken": "number = req.user\n\nextension = int(number)\n",
        "both": 'first, second = req.user.split(".")\ndial(f"{first}@local & {second}@local")\n',
        "inturn": 'first, second = req.user.split(".")\ndial(f"{first}@local | {second}@local")\n',
        "later": 'first, second = req.user.split(".")\ndial(f"{first}@local & {second}@local[dt=1]", ring=30)\n',
        "results": 'r = dial(f"{req.user}@local")\nrespond(600, f"{r.status} {r.reason} {r.legs[0].status}")\n',
        "limited": 'dial(f"{req.user}@local[cd=1]")\n',
        "renamed": 'dial(f"{req.user}@local[fd=Front Desk,fu=100,fh=example.org]", headers={"X-Queue": "sales"})\n',
        "apart": """
first, second = req.user.split(".")
dial([
    leg(f"{first}@local", from_name="One", headers={"X-Leg": "1", "X-Queue": "support"}),
    leg(f"{second}@local", delay=1, from_user="200", headers={"X-Leg": "2"}),
], headers={"X-Queue": "sales"}, ring=30)
""",
        "outside": f'dial(f"{{req.user}}@{GATEWAY}:{gateway_port}")\n',
        "slow": "while True:\n    pass\n",
    }
    accounts = [(f"with-{name}", name, "") for name in plans]
    accounts += [("answered-by-plan", "", "inplan"), ("both-plans", "plain", "")]
    plans["inplan"] = 'log("in")\ndial(f"{call.account}@local")\nrespond(480, "In Plan Gave Up")\n'
    return start_switch(accounts, plans, DIALPLAN__SECONDS="0.5")


def reached(cdrs):
    """What the database says of the legs: status and who hung up."""
    return [(cdr["status"], cdr["hung_up_by"]) for cdr in cdrs]


def call(switch, scenario, plan, dialled, legs=2, **options):
    """Let the account with this plan call; returns what it saw, and the CDRs."""
    trace = switch.sipp(scenario, caller=f"with-{plan}", dialled=f"{dialled}@{DOMAIN}", **options)
    return trace, switch.cdrs(trace.sent_request("INVITE").call_id, legs=legs)


def test_the_out_plan_dials(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)

    trace, cdrs = call(switch, "call", "plain", bob)

    callee.finish()
    assert trace.statuses == [401, 180, 200]
    assert {(cdr["dialplan"], cdr["dialplan_version"]) for cdr in cdrs} == {("plain", 1)}
    assert cdrs[1]["target"] == f"{bob}@local"
    assert cdrs[0]["execution_id"] is not None
    (said,) = [event for event in switch.events("dialplan says") if event["call_id"] == cdrs[0]["call_id"]]
    assert said["lines"] == [f"calling {bob}"]


def test_the_script_goes_on_when_nobody_answers_in_time(switch):
    bob = switch.new_account()
    for _ in range(ROUNDS):
        callee = switch.answering("ring-cancelled", bob)
        trace, cdrs = call(switch, "call-refused", "impatient", bob)
        callee.finish()
        rang = cdrs[1]["ended_at"] - cdrs[1]["started_at"]

        assert trace.response(480).reason == "Gave Up"
        assert reached(cdrs) == [(480, "switch"), (408, "switch")]
        assert rang > 0.9
        if rang < 2 and trace.statuses == [401, 180, 480]:
            break
    assert (rang < 2, trace.statuses) == (True, [401, 180, 480])


def test_a_script_that_ends_without_an_answer_reports_the_last_dial(switch):
    bob = switch.new_account()
    callee = switch.answering("ring-cancelled", bob)

    trace, _ = call(switch, "call-refused", "silent", bob)

    callee.finish()
    assert trace.statuses[0] == 401
    assert trace.statuses[-1] == 408


def test_the_script_refuses(switch):
    trace, cdrs = call(switch, "call-refused", "busy", "anybody", legs=1)

    assert (trace.statuses, trace.response(486).reason) == ([401, 486], "Busy Here")
    assert [(cdr["leg"], cdr["status"]) for cdr in cdrs] == [(0, 486)]


def test_the_script_says_what_it_is_doing(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)

    trace, _ = call(switch, "call", "progress", bob)

    callee.finish()
    assert (trace.statuses, trace.response(183).reason) == ([401, 183, 180, 200], "Thinking")


def test_a_script_that_fails_names_its_line(switch):
    """500, with a Reason for the caller and the traceback in the log for the owner."""
    trace, cdrs = call(switch, "call-refused", "broken", "anybody", legs=1)

    reason = trace.response(500).headers.get("reason")
    assert reason.startswith('SIP;cause=500;text="dialplan broken: line 3: ValueError')
    assert [(cdr["leg"], cdr["status"]) for cdr in cdrs] == [(0, 500)]
    (failed,) = [event for event in switch.events("dialplan failed") if event["dialplan"] == "broken"]
    assert 'File "broken", line 3' in failed["traceback"]


def test_a_script_that_never_ends_is_stopped(switch):
    trace, _ = call(switch, "call-refused", "slow", "anybody", legs=1)

    assert "computed for more than 0.5 s" in trace.response(500).headers.get("reason")


def test_all_legs_of_a_group_ring_at_once(switch):
    """`&`: one is busy, the other answers."""
    bob, carol = switch.new_account(), switch.new_account()
    busy = switch.answering("refuse", bob, status=486, reason="Busy Here")
    answering = switch.answering("answer", carol, rings=500)

    trace, cdrs = call(switch, "call", "both", f"{bob}.{carol}", legs=3)

    busy.finish()
    answering.finish()
    assert trace.statuses == [401, 180, 200]
    assert reached(cdrs) == [(200, "caller"), (486, "callee"), (200, "caller")]
    assert [cdr["target"] for cdr in cdrs[1:]] == [f"{bob}@local", f"{carol}@local"]


def test_the_next_group_rings_when_all_of_one_have_failed(switch):
    """`|`: the second is called after the first has refused."""
    bob, carol = switch.new_account(), switch.new_account()
    busy = switch.answering("refuse", bob, status=486, reason="Busy Here")
    answering = switch.answering("answer", carol)

    _, cdrs = call(switch, "call", "inturn", f"{bob}.{carol}", legs=3)

    busy.finish()
    answering.finish()
    assert reached(cdrs) == [(200, "caller"), (486, "callee"), (200, "caller")]
    assert cdrs[2]["started_at"] >= cdrs[1]["ended_at"]


def test_the_next_group_is_not_called_when_the_first_answers(switch):
    bob, carol = switch.new_account(), switch.new_account()
    answering = switch.answering("answer", bob)

    _, cdrs = call(switch, "call", "inturn", f"{bob}.{carol}")

    answering.finish()
    assert len(cdrs) == 2


def test_a_leg_may_ring_later(switch):
    bob, carol = switch.new_account(), switch.new_account()
    cancelled = switch.answering("ring-cancelled", bob)
    answering = switch.answering("answer", carol)

    _, cdrs = call(switch, "call", "later", f"{bob}.{carol}", legs=3)

    cancelled.finish()
    invite = answering.finish().request("INVITE")
    assert invite.to.uri.user == carol
    assert reached(cdrs) == [(200, "caller"), (487, "switch"), (200, "caller")]
    assert cdrs[2]["rang_at"] - cdrs[1]["started_at"] > 0.9


def test_the_script_sees_what_became_of_the_legs(switch):
    bob = switch.new_account()
    busy = switch.answering("refuse", bob, status=486, reason="Busy Here")

    trace, _ = call(switch, "call-refused", "results", bob)

    busy.finish()
    assert trace.response(600).reason == "486 Busy Here 486"


def test_a_call_ends_at_its_time_limit(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)

    trace, cdrs = call(switch, "call-hung-up-on", "limited", bob)

    callee.finish()
    assert trace.request("BYE").headers.get("reason") == 'SIP;cause=200;text="Time limit reached"'
    assert reached(cdrs) == [(200, "switch"), (200, "switch")]


def test_how_the_caller_looks_to_the_callee(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)

    call(switch, "call", "renamed", bob)

    invite = callee.finish().request("INVITE")
    assert str(invite.from_.uri) == "sip:100@example.org"
    assert invite.from_.display_name == "Front Desk"
    assert invite.headers.get("x-queue") == "sales"


def test_each_leg_has_its_own_options_and_headers(switch):
    """The headers of dial() go to both, and give way where a leg has its own."""
    bob, carol = switch.new_account(), switch.new_account()
    cancelled = switch.answering("ring-cancelled", bob)
    answering = switch.answering("answer", carol)

    _, cdrs = call(switch, "call", "apart", f"{bob}.{carol}", legs=3)

    first, second = (phone.finish().request("INVITE") for phone in (cancelled, answering))
    names = [(invite.from_.display_name, invite.from_.uri.user) for invite in (first, second)]
    headers = [(invite.headers.get("x-leg"), invite.headers.get_all("x-queue")) for invite in (first, second)]
    assert names == [("One", "with-apart"), ("with-apart", "200")]
    assert headers == [("1", ["support"]), ("2", ["sales"])]
    assert cdrs[2]["rang_at"] - cdrs[1]["started_at"] > 0.9


def test_a_redirect_is_followed(switch, gateway_port):
    target = switch.answering("answer", host="127.0.0.6")
    gateway = switch.answering("redirect", host=GATEWAY, port=gateway_port, contact=f"carol@{target.address}")

    trace, cdrs = call(switch, "call", "outside", "bob", legs=3)

    gateway.finish()
    target.finish()
    assert trace.statuses == [401, 180, 200]
    assert reached(cdrs) == [(200, "caller"), (302, "callee"), (200, "caller")]
    assert cdrs[2]["target"] == f"sip:carol@{target.address}"


def test_the_in_plan_of_the_callee_runs(switch):
    callee = switch.answering("answer", "answered-by-plan")

    trace = switch.sipp("call-from-outside", dialled=f"answered-by-plan@{DOMAIN}")

    callee.finish()
    cdrs = switch.cdrs(trace.sent_request("INVITE").call_id, legs=2)
    assert {(cdr["direction"], cdr["dialplan"]) for cdr in cdrs} == {("in", "inplan")}


def test_the_plans_of_both_run_when_accounts_call_each_other(switch):
    """A call from one local account to another runs the *out* plan of the first and the *in* plan of the other."""
    callee = switch.answering("answer", "answered-by-plan")

    trace, cdrs = call(switch, "call", "plain", "answered-by-plan")

    seen = callee.finish().request("INVITE")
    inner = switch.cdrs(cdrs[1]["sip_call_id"], legs=2)
    assert trace.statuses == [401, 180, 200]
    assert {cdr["dialplan"] for cdr in cdrs} == {"plain"}
    assert {(cdr["direction"], cdr["dialplan"]) for cdr in inner} == {("in", "inplan")}
    assert seen.from_.uri.user == "with-plain"


def traced(switch, call_id):
    """The ladder of a call: leg and message; what was heard is written within a second."""

    def ask():
        found = json.loads(switch.run_command("trace", call_id, "--json"))
        return [(one["leg"], one["message"].partition(" (")[0]) for one in found["messages"]]

    return until(
        lambda: (ladder := ask()) and ladder[-1][1] == "200 OK" and ladder, "the BYE is answered", pause=0.2
    )


def test_the_trace_begins_with_the_challenge(switch):
    bob = switch.new_account()
    callee = switch.answering("answer", bob)

    _, cdrs = call(switch, "call", "plain", bob)

    callee.finish()
    assert traced(switch, cdrs[0]["call_id"])[:4] == [
        (0, "INVITE"),
        (0, "401 Unauthorized"),
        (0, "ACK"),
        (0, "INVITE"),
    ]


def test_a_caller_without_a_script_is_traced_when_the_script_of_the_callee_runs(switch):
    callee = switch.answering("answer", "answered-by-plan")

    trace = switch.sipp("call", caller=switch.new_account(), dialled=f"answered-by-plan@{DOMAIN}")

    callee.finish()
    (outer,) = {cdr["call_id"] for cdr in switch.cdrs(trace.sent_request("INVITE").call_id, legs=2)}
    ladder = traced(switch, outer)
    assert ladder[:5] == [(0, "INVITE"), (0, "401 Unauthorized"), (0, "ACK"), (0, "INVITE"), (1, "INVITE")]
    # The call of the callee is a part of this one, with legs of its own.
    assert ladder[-1] in [(0, "200 OK"), (1, "200 OK"), (2, "200 OK")]


def test_a_user_at_the_limit_is_told_so_and_whoever_talks_goes_on(switch):
    """The limit of one user, set while the switch runs; trunks and phones are not told to stay away (503)."""
    bob = switch.new_account()
    callee = switch.answering("ring-cancelled", bob)
    waiting = switch.start_sipp("call-refused", caller="with-impatient", dialled=f"{bob}@{DOMAIN}")
    until(lambda: bob in str(switch.calls()), "it has begun before there is a limit")

    def attempt():  # of what a limit refuses only some have a CDR
        return switch.sipp("call-refused", caller="with-busy", dialled=f"anybody@{DOMAIN}")

    def refused():
        trace = attempt()
        return trace if trace.statuses == [401, 480] else None

    switch.run_command("user", "set", "root", "--runs-per-minute", "1")
    trace = until(refused, "the limit is reached")
    callee.finish()
    heard = waiting.finish()
    switch.run_command("user", "set", "root", "--runs-per-minute", "default")
    until(lambda: attempt().statuses == [401, 486], "no limit")

    why = "this user's limit is reached: 1 runs of dialplans begin within a minute"
    assert (heard.statuses[-1], heard.response(480).reason) == (480, "Gave Up")
    assert trace.response(480).headers.get("reason") == f'SIP;cause=480;text="dialplan busy: {why}"'
    assert why in {event["why"] for event in switch.events("dialplan failed")}
    (call_id,) = {cdr["call_id"] for cdr in switch.cdrs(trace.sent_request("INVITE").call_id)}
    assert why in switch.run_command("trace", call_id)


def test_a_dialplan_that_is_changed_is_used_within_two_seconds(switch):
    """The command line changes it, and the running switch follows."""
    switch.set_dialplans({"changing": 'respond(603, "Changed")\n'})

    def changed():
        trace, cdrs = call(switch, "call-refused", "changing", "anybody", legs=1)
        return trace.statuses == [401, 603] and cdrs[0]["dialplan_version"] == 2

    until(changed, "the new version runs")
