"""Documents of earlier formats, place by place: what stood where is found under its name."""

import pytest

from sipwright.services.switch.recovery.upgrade import upgraded

LEG = ["ringing", "call-id", "tag", "udp/a/b", "1.2.3.4", True,
       ["call-id", "tag", "remote", "<sip:us>", "<sip:them>", 2, 3, ["<sip:r;lr>"], "sip:t@h"],
       "INVITE", 5, "ACK", 10.0, 11.0, 12.0, 13.0, [486, "Busy", [["X", "y"]]], "callee", "<urn:1>",
       ["200", 14.0], "BYE", ["500", 15.0]]  # fmt: skip
NAMED_LEG = {
    "state": "ringing", "call_id": "call-id", "tag": "tag", "flow": "udp/a/b", "source": "1.2.3.4", "is_phone": True,
    "dialog": {"remote_tag": "remote", "local_uri": "<sip:us>", "remote_uri": "<sip:them>", "local_cseq": 2,
               "remote_cseq": 3, "route_set": ["<sip:r;lr>"], "remote_target": "sip:t@h"},
    "invite": "INVITE", "invite_cseq": 5, "ack": "ACK", "started_at": 10.0, "rang_at": 11.0, "answered_at": 12.0,
    "ended_at": 13.0, "outcome": {"status": 486, "reason": "Busy", "headers": [["X", "y"]]}, "hung_up_by": "callee",
    "instance": "<urn:1>", "unacked_response": "200", "unacked_at": 14.0, "pending_request": "BYE", "last_final": "500",
    "last_final_at": 15.0,
}  # fmt: skip
DESTINATION = ["target", "uri", "to", "flow", ["route"], 1, [2, "trunk"], 3.0, 4.0, False, "name", "user", "host",
               [["X", "y"]], 5, "place", "return", "sip:r", "instance"]  # fmt: skip
NAMED_DESTINATION = {
    "target": "target", "uri": "uri", "to": "to", "flow": "flow", "route": ["route"], "account_id": 1,
    "provider": [2, "trunk"], "delay": 3.0, "limit": 4.0, "mangle": False, "from_name": "name", "from_user": "user",
    "from_host": "host", "headers": [["X", "y"]], "redirects": 5, "transfer": "place", "redirect": "return",
    "redirect_to": "sip:r", "instance": "instance",
}  # fmt: skip
REPORT = [70, True, "NOTIFY", [180, "Ringing", "active"], False, [100, "Trying"]]
TRANSFER = [1, 0, REPORT, "offering", "other", 2, [480, "Gone"], ["v=0", "application/sdp"], ["INVITE", True]]
NAMED_TRANSFER = {
    "kind": "transfer", "transferor": 1, "remaining": 0, "stage": "offering", "other_id": "other", "target": 2,
    "report": {"name": 70, "is_wanted": True, "wire": "NOTIFY", "has_answered": False,
               "next": {"status": 180, "reason": "Ringing", "state": "active"},
               "last": {"status": 100, "reason": "Trying"}},
    "failure": {"status": 480, "reason": "Gone", "headers": []},
    "offer": {"body": "v=0", "content_type": "application/sdp"}, "invite": {"wire": "INVITE", "has_answered": True},
}  # fmt: skip


def of_2(*more):
    return [
        2, "talking", ["in", 1, 2, "example.org", 3, "plan", 4],
        [1.0, 2.0, "from", "to", "dialled", 69, 5, 6.0], {"ring": 7.0},
        [*LEG, 180], [[*LEG, DESTINATION, True]], [[0, 1, "INFO", "WIRE", True, False]],
        [1, 2, [[["a@b"]], 60.0, [["X", "y"]], 1], "run", *more],
    ]  # fmt: skip


NAMED = {
    "format": 3, "kind": "call", "state": "talking", "direction": "in", "account_id": 1, "user_id": 2,
    "domain": "example.org", "dialplan_id": 3, "dialplan": "plan", "version": 4, "started_at": 1.0, "answered_at": 2.0,
    "from_text": "from", "to_text": "to", "dialled_user": "dialled", "max_forwards": 69, "loops": 5, "limit": 6.0,
    "timers": {"ring": 7.0}, "caller": {**NAMED_LEG, "progress": 180},
    "legs": [{**NAMED_LEG, "destination": NAMED_DESTINATION, "has_authenticated": True}],
    "processes": [{"kind": "relay", "sender": 0, "receiver": 1, "request": "INFO", "wire": "WIRE",
                   "has_answered_challenge": True, "is_done": False}],
    "peer": 1, "early_leg": 2, "execution_id": "run",
    "hunt": {"groups": [["a@b"]], "ring": 60.0, "headers": [["X", "y"]], "first": 1},
}  # fmt: skip
RELAY = NAMED["processes"]
THIRD_PARTY = [1, 2, "OFFER", [["c@d"]], 30.0, 7]
NAMED_THIRD_PARTY = {
    "first": 1, "second": 2, "offer": "OFFER", "then": [["c@d"]], "ring": 30.0, "versions": 7,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ([], {}),
        ([["call", None, None, None]], {"near": None}),
        ([["call", 1, TRANSFER, None]], {"near": 1, "processes": [*RELAY, NAMED_TRANSFER]}),
        (
            [["call", None, None, ["other", 2, ["INVITE", False]]]],
            {
                "near": None,
                "processes": [
                    *RELAY,
                    {
                        "kind": "takeover",
                        "other_id": "other",
                        "place": 2,
                        "invite": {"wire": "INVITE", "has_answered": False},
                    },
                ],
            },
        ),
        ([["referred", "origin", 1]], {"kind": "target", "target": {"origin_id": "origin", "second": 1}}),
        (
            [THIRD_PARTY, ["call", 0, None, None]],
            {"kind": "third_party", "third_party": NAMED_THIRD_PARTY, "near": 0},
        ),
    ],
    ids=["call", "call again", "transfer", "takeover", "target", "third party"],
)
def test_from_2(more, found):
    assert upgraded(of_2(*more), 2, 3) == {**NAMED, **found}


def test_from_2_what_is_not_there():
    """Neither a dialog nor an outcome, nor anything that a peer may not have heard."""
    document = of_2()
    empty = [*LEG[:6], None, None, 1, None, 10.0, None, None, None, None, None, None, None, None, None]
    document[5], document[6], document[8] = [*empty, 0], [], [None, None, None, None]
    caller = upgraded(document, 2, 3)["caller"]

    assert (caller["dialog"], caller["outcome"], caller["unacked_response"], caller["last_final"]) == (
        None,
    ) * 4
    assert "hunt" not in upgraded(document, 2, 3)


def test_from_2_an_early_dialog():
    """Some said once more whether they were."""
    document = of_2()
    document[5][6] = [*LEG[6], True]

    assert upgraded(document, 2, 3)["caller"]["dialog"] == NAMED_LEG["dialog"]


@pytest.mark.parametrize("document", [[1], [2, 3], [], "x"])
def test_what_never_was_a_document_is_none(document):
    with pytest.raises((ValueError, TypeError, LookupError)):
        upgraded(document, 2 if document != [1] else 1, 3)


def test_from_3_how_often_a_challenge_was_answered():
    """It says so in every place where it said before whether one was."""
    more = [["call", 1, TRANSFER, ["other", 2, ["INVITE", False]]]]
    upgraded_call = upgraded(of_2(*more), 2, 4)
    relay, transfer, takeover = upgraded_call["processes"]

    assert upgraded_call["format"] == 4
    assert [leg["rounds"] for leg in upgraded_call["legs"]] == [1]
    assert (relay["rounds"], transfer["invite"]["rounds"], takeover["invite"]["rounds"]) == (1, 1, 0)
    assert transfer["report"]["rounds"] == 0
    assert "has_" not in str(upgraded_call)


def test_from_3_what_is_not_there():
    """Nothing goes on in the call, and no leg was challenged."""
    document = {"format": 3, "legs": [{"state": "ringing"}]}

    assert upgraded(document, 3, 4) == {"format": 4, "legs": [{"state": "ringing", "rounds": 0}]}
