"""What phones of two nodes tell each other outside of calls: texts, and how somebody can be reached."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from interop.harness import DOMAIN, PASSWORD, Roamer, until
from interop.test_two_nodes import (  # noqa: F401
    Pair,
    at,
    filled,
    lost_after,
    nodes,
    pair,
    phone,
    until_known,
)

pytestmark = pytest.mark.peer("postgresql")

Phones = Callable[[str], Roamer]

PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@{domain}"><tuple id="t1">'
    "<status><basic>open</basic></status><note>in the garden</note></tuple></presence>"
)


@pytest.mark.parametrize("is_back", [False, True])
def test_a_text_goes_to_a_phone_of_another_node(pair: Pair, phone: Phones, is_back: bool):  # noqa: F811
    frank, dave = phone("frank"), at(phone("dave"), pair[1])
    until_known("dave", pair[0])
    with Roamer("frank", DOMAIN, PASSWORD, pair[1].address, "127.0.0.60") as asking:
        until(asking.times_known, "the other node knows where the phone is")
    sender, taker = (dave, frank) if is_back else (frank, dave)
    uri = f"sip:{taker.account}@{DOMAIN}"
    with ThreadPoolExecutor() as threads:
        sent = threads.submit(
            sender.request,
            "MESSAGE",
            uri,
            uri,
            call_id=sender.new_call_id(),
            more="Content-Type: text/plain\n\nhello",
        )
        text = taker.wait_for_request("MESSAGE")
        taker.answer(text, 200, "OK")
        answer = sent.result()

    assert answer.status == 200
    assert text.body == b"hello"
    assert set(taker.sources) == {taker.to}


def test_how_somebody_can_be_reached_is_told_at_another_node(
    pair: Pair,  # noqa: F811
    phone: Phones,  # noqa: F811
):
    bob, dave = phone("bob"), at(phone("dave"), pair[1])
    uri = f"sip:bob@{DOMAIN}"
    wanted = "Event: presence\nExpires: 600\nAccept: application/pidf+xml\n"
    assert dave.request("SUBSCRIBE", uri, uri, call_id=dave.new_call_id(), more=wanted).status == 200
    state = (
        f"Event: presence\nExpires: 600\nContent-Type: application/pidf+xml\n\n{PIDF.format(domain=DOMAIN)}"
    )
    assert bob.request("PUBLISH", uri, uri, call_id=bob.new_call_id(), more=state).status == 200
    told(dave, "in the garden")

    assert set(dave.sources) == {dave.to}


def told(phone: Roamer, words: str) -> None:  # noqa: F811
    """Wait until a phone is told something of whom it watches."""
    while True:
        notify = phone.wait_for_request("NOTIFY")
        phone.answer(notify, 200, "OK")
        if words in notify.body.decode():
            return
