"""A flow at another node, as whoever sends over it sees it."""

from __future__ import annotations

from sipwright.services.edge.routed_flow import Name, RoutedFlow

KEY = "tls/192.0.2.1:5061/198.51.100.7:40112"


def test_it_leads_to_the_phone_in_the_protocol_of_the_nodes():
    sent, there = [], {"north"}
    flow = RoutedFlow("north", KEY, ("192.0.2.2", 5060), lambda *said: sent.append(said), there.__contains__)
    flow.send(b"data")
    was_closed = flow.is_closed
    there.clear()

    assert (flow.protocol, flow.local, flow.remote) == ("udp", ("192.0.2.2", 5060), ("198.51.100.7", 40112))
    assert (flow.key, flow.is_reliable) == (f"north!{KEY}", False)
    assert sent == [(b"data", "north", KEY, None)]
    assert (was_closed, flow.is_closed) == (False, True)


def test_it_may_be_used_in_the_name_of_another_edge():
    sent = []
    flow = RoutedFlow(
        "north", KEY, ("192.0.2.2", 5060), lambda *said: sent.append(said), lambda node: True
    ).renamed(Name("south", ("192.0.2.3", 5060)))
    flow.send(b"data")

    assert sent == [(b"data", "north", KEY, Name("south", ("192.0.2.3", 5060)))]
    assert (flow.key, flow.name.node) == (f"north!{KEY}", "south")
