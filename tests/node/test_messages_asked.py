"""Providers that are asked how many messages wait (RFC 3842), and what becomes of the subscription (RFC 6665)."""

from dataclasses import replace

import pytest
from tests.services.switch.conftest import Provider

from sipwright.node.messages_asked import AGAIN, MessagesAsked
from sipwright.services.notifier import Summary
from sipwright.services.switch import ServiceRoutes
from sipwright.sip import Request, Response, parse
from watching import Lamp, WatchBench

HOST = "70.0.0.1"
PRELOADED = ServiceRoutes().preloaded
CHALLENGE = ("WWW-Authenticate", 'Digest realm="blue", nonce="n1", algorithm=MD5')


class Server:
    """A provider that answers SUBSCRIBEs with what it is to, and remembers them."""

    def __init__(self, bench):
        self.bench = bench
        self.phone = bench.phone("blueface", HOST)
        self.answers = [(200, [("Expires", "600")])]
        self.heard = []
        self.phone.transport.on_message = self._hear

    def _hear(self, data, flow):
        message = parse(data)
        if not isinstance(message, Request) or message.method != "SUBSCRIBE":
            self.phone.heard.append(message)
            return
        self.heard.append(message)
        status, more = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        copied = [(name, f"{value};tag=blue" if name == "To" and "tag=" not in value else value)
                  for name, value in message.headers.items()
                  if name in ("Via", "From", "To", "Call-ID", "CSeq")]  # fmt: skip
        flow.send(bytes(Response(status, None, [*copied, ("Contact", f"<sip:mwi@{HOST}>"), *more])))

    def notify(self, state, body=b"Messages-Waiting: yes\r\nVoice-Message: 4/1\r\n"):
        """Tell what waits, in the dialog of the last SUBSCRIBE."""
        asked = self.heard[-1]
        request = self.phone.request(
            "NOTIFY", str(asked.contacts[0].uri), call_id=asked.call_id, tag="blue",
            to=asked.headers.get("From"),
            headers=[("Event", "message-summary"), ("Subscription-State", state)],
        )  # fmt: skip
        request.body = body
        self.phone.send(request)
        return self.phone.statuses("NOTIFY")[-1]


class Providers(dict):
    def provider_by_id(self, provider_id):
        return self.get(provider_id)


@pytest.fixture
def bench():
    return WatchBench()


@pytest.fixture
def server(bench):
    return Server(bench)


@pytest.fixture
def provider(bench):
    found = Provider(
        "blueface", HOST, username="353", contact_token="token", account_id=1, register=True, messages=True
    )
    bench.accounts.providers["blueface"] = found
    bench.providers_at = {HOST: [found]}
    return found


@pytest.fixture
def asked(bench, server, provider):
    """What asks the provider, as soon as we are registered with it."""
    providers = Providers({provider.id: provider})
    made = MessagesAsked(providers, bench.switch, PRELOADED)
    bench.waiting._on_over = made.over
    made.providers = providers
    made.registered(provider.id, HOST)
    bench.run(0.1)
    return made


def test_a_provider_is_asked_and_what_it_tells_is_passed_on(bench, server, asked):
    phone = bench.phone("alice", "20.0.0.1")
    bench.account("alice", phone)
    lamp = Lamp(bench, phone, "sip:alice@example.org", event="message-summary")
    lamp.subscribe()
    (subscribe,) = server.heard

    assert str(subscribe.request_uri) == f"sip:353@{HOST}"
    assert (subscribe.headers.get("Event"), subscribe.headers.get("Expires")) == ("message-summary", "3600")
    assert subscribe.headers.get("Accept") == "application/simple-message-summary"
    assert subscribe.contacts[0].uri.user == "token"
    assert server.notify("active;expires=600") == 200
    bench.run(0.2)
    assert b"Voice-Message: 4/1" in lamp.notifies()[-1].body


def test_it_is_prolonged_in_its_dialog_when_half_of_its_time_is_over(bench, server, asked):
    """RFC 6665 §4.1.2.2."""
    bench.run(299)
    assert len(server.heard) == 1
    bench.run(2)
    first, second = server.heard

    assert str(second.request_uri) == f"sip:mwi@{HOST}"
    assert (second.call_id, second.to_tag, second.cseq.number) == (
        first.call_id,
        "blue",
        first.cseq.number + 1,
    )


def test_a_challenge_is_met(bench, server, provider):
    server.answers = [(401, [CHALLENGE]), (200, [("Expires", "600")])]
    MessagesAsked(Providers({provider.id: provider}), bench.switch, PRELOADED).registered(provider.id, HOST)
    bench.run(0.1)

    first, second = server.heard
    assert "Authorization" not in first.headers
    assert 'username="353"' in second.headers.get("Authorization")


def test_it_is_asked_by_its_service_route(bench, server, provider):
    """RFC 3608 §6.1."""
    routes = ServiceRoutes()
    routes.told(provider.id, f"<sip:orig@{HOST};lr>")
    MessagesAsked(Providers({provider.id: provider}), bench.switch, routes.preloaded).registered(
        provider.id, HOST
    )
    bench.run(0.1)

    assert server.heard[0].headers.get_list("Route") == [f"<sip:orig@{HOST};lr>"]


@pytest.mark.parametrize(
    ("status", "again"), [(489, False), (405, False), (404, False), (500, True), (408, True)]
)
def test_one_that_refuses_is_asked_later_or_not_at_all(bench, server, provider, status, again):
    server.answers = [(status, []), (200, [])]
    MessagesAsked(Providers({provider.id: provider}), bench.switch, PRELOADED).registered(provider.id, HOST)
    bench.run(AGAIN + 1)

    assert len(server.heard) == (2 if again else 1)


def test_one_that_has_forgotten_us_is_asked_anew(bench, server, asked):
    """RFC 6665 §4.1.2.2: a 481 ends the subscription."""
    server.answers = [(481, []), (200, [])]
    bench.run(310)

    first, second, third = server.heard
    assert (second.call_id, third.call_id == first.call_id, third.to_tag) == (first.call_id, False, None)


def test_what_the_provider_ends_is_asked_for_anew(bench, server, asked):
    """RFC 6665 §4.1.3."""
    assert server.notify("terminated;reason=deactivated", b"") == 200
    bench.run(1.5)

    assert [one.to_tag for one in server.heard] == [None, None]
    assert bench.summaries.of(1) == Summary()


def test_one_that_is_not_to_be_asked_any_more_is_told_so(bench, server, asked, provider):
    asked.providers[provider.id] = replace(provider, messages=False)
    asked.providers_changed(provider.id, provider.id)
    bench.run(0.1)

    assert [one.headers.get("Expires") for one in server.heard] == ["3600", "0"]
    bench.run(AGAIN)
    assert (len(server.heard), len(asked)) == (2, 0)


def test_nobody_is_asked_where_we_are_not_registered(bench, server, asked, provider):
    asked.registered(provider.id, None)
    bench.run(0.1)
    assert (len(asked), server.heard[-1].headers.get("Expires")) == (0, "0")

    asked.registered(provider.id, HOST)
    asked.registered(provider.id, HOST)
    bench.run(0.1)
    assert [one.headers.get("Expires") for one in server.heard] == ["3600", "0", "3600"]


def test_who_does_not_know_our_contact_says_nothing_in_a_dialog(bench, server, asked):
    server.heard[-1] = Request(
        "SUBSCRIBE", "sip:x@y",
        [*((name, value) for name, value in server.heard[-1].headers.items() if name != "Contact"),
         ("Contact", "<sip:other@10.0.0.1>")],
    )  # fmt: skip

    assert server.notify("active") == 481
    assert bench.summaries.of(1) == Summary()
