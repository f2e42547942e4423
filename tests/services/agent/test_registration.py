"""One registration: requests out, answers in."""

import pytest

from sipwright.errors import UserError
from sipwright.services.agent import State
from sipwright.services.agent.answers import granted_expiry
from sipwright.services.agent.timing import LEASE
from sipwright.sip import Credentials, Response, digest, make_response
from sipwright.store import RegistrationRow

CONTACT = "<sip:0f5a@192.0.2.1:5060>"
CHALLENGE = 'Digest realm="b", nonce="n", qop="auth"'


def respond(request, status, *headers, reason=None, local=False):
    response = make_response(request, status, reason, headers=headers)
    return (
        Response(status, response.reason, list(response.headers.items()), local=True) if local else response
    )


def ask(registration, now=100.0, contact=CONTACT):
    """The first request of an attempt."""
    registration.begin()
    return registration.request(contact, now)


def take(registration, request, status, *headers, now=100.0, **options):
    return registration.answered(respond(request, status, *headers, **options), now, 0.5)


def registered(registration, now=100.0, expires=3600):
    take(registration, ask(registration, now), 200, ("Contact", f"{CONTACT};expires={expires}"), now=now)
    return registration


LEFT = "<sip:0f5a@192.0.2.8:5060>"


def taken_back(request):
    return [f"<{contact.uri}>" for contact in request.contacts if contact.params.get("expires") == "0"]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (f"{CONTACT};expires=3600, {LEFT};expires=9", [LEFT]),
        (f"{CONTACT};expires=3600, {LEFT};expires=0", []),
        (f"{CONTACT};expires=3600, <sip:other@192.0.2.8>;expires=9", []),  # a phone of the same number
        (f"{LEFT};expires=9", []),  # that may be ours, written by somebody on the way
        (f"{CONTACT};expires=3600", []),
    ],
)
def test_what_of_ours_a_registrar_still_lists_is_taken_back_at_once_and_once(
    new_registration, listed, expected
):
    registration = new_registration()
    for began in (100.0, 101.0):  # it keeps what it was told to remove
        take(registration, ask(registration, began), 200, ("Contact", listed), now=began)
        is_due = registration.due == began

        assert registration.contact == CONTACT
        assert is_due is (bool(expected) and began == 100.0)
        assert taken_back(ask(registration, began)) == expected


def test_a_registrar_that_lists_another_one_each_time_is_not_asked_in_a_loop(new_registration):
    registration = new_registration()
    for began, port in ((100.0, 5061), (101.0, 5062), (102.0, 5063)):
        listed = f"{CONTACT};expires=3600, <sip:0f5a@192.0.2.8:{port}>;expires=9"
        take(registration, ask(registration, began), 200, ("Contact", listed), now=began)

        assert (registration.due == began) is (began == 100.0)


def test_a_registrar_that_takes_no_second_contact_is_sent_none_again(new_registration):
    registration = new_registration()
    for began, status in ((100.0, 200), (101.0, 400), (102.0, 200), (103.0, 200)):
        request = ask(registration, began)
        listed = [("Contact", f"{CONTACT};expires=3600, {LEFT};expires=9")] if status == 200 else []
        take(registration, request, status, *listed, now=began)

        assert taken_back(request) == ([LEFT] if status == 400 else [])


def test_a_register_names_the_address_of_record_and_our_contact(new_registration):
    """RFC 3261 §10.2: the Request-URI has no user; To and From are the address-of-record."""
    request = ask(new_registration(server="b.example:5070"))

    assert request.uri_text == "sip:b.example:5070"
    assert list(request.headers.items()) == [
        ("Max-Forwards", "70"),
        ("From", "<sip:353123@b.example>;tag=tag"),
        ("To", "<sip:353123@b.example>"),
        ("Call-ID", "call-id"),
        ("CSeq", "1 REGISTER"),
        ("Contact", CONTACT),
        ("Expires", "3600"),
    ]


def test_an_outbound_proxy_is_a_route(new_registration):
    assert ask(new_registration(outbound_proxy="edge")).headers.get("Route") == "<sip:edge;lr>"


def test_the_call_id_stays_and_the_cseq_rises(new_registration):
    """RFC 3261 §10.2."""
    registration = registered(new_registration())

    again = ask(registration, 3340.0)

    assert (again.call_id, again.cseq.number) == ("call-id", 2)


# --- 200 -------------------------------------------------------------------------------------------


def test_success_holds_for_as_long_as_granted_and_is_renewed_before(new_registration):
    registration = new_registration()
    request = ask(registration)

    goes_on = take(registration, request, 200, ("Contact", f"{CONTACT};expires=600"), now=104.0)

    assert not goes_on
    assert registration.state == State.REGISTERED
    # Counted from when it was sent: the registrar may have done so too.
    assert (registration.expires_at, registration.due, registration.lease_until) == (700.0, 640.0, 700.0)
    assert (registration.status, registration.reason, registration.contact) == (200, "OK", CONTACT)
    assert (registration.holds(699.0), registration.holds(700.0)) == (True, False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Contact", f"{CONTACT};expires=120")], 120),
        ([("Contact", f"<sip:other@198.51.100.1>;expires=50, {CONTACT};expires=120")], 120),
        ([("Contact", "<sip:0f5a@203.0.113.5:1024>;expires=90")], 90),  # rewritten on the way
        ([("Contact", f"<sip:0f5a@203.0.113.5:1024>;expires=50, {CONTACT};expires=120")], 120),
        ([("Contact", CONTACT), ("Expires", "200")], 200),
        ([("Contact", '<sip:x@y>;expires="7"'), ("Expires", "200")], 200),
        ([("Expires", "300")], 300),
        ([], 3600),
        ([("Contact", f"{CONTACT};expires=soon")], 3600),
        ([("Contact", "<<>>"), ("Expires", "300")], 300),
        ([("Contact", f"<sip:a b@y>;expires=9, {CONTACT};expires=120, Date: x")], 120),
        ([("Contact", "<<>>"), ("Contact", f"{CONTACT};expires=120")], 120),
        ([("Contact", "<sip:hidden@198.51.100.1>;expires=55")], 55),  # hidden on the way, whole
        ([("Contact", "<sip:hidden@198.51.100.1>;expires=55"), ("Expires", "200")], 200),
        ([("Contact", "<sip:other@198.51.100.1>;expires=0")], 3600),
        ([("Contact", "<sip:a@198.51.100.1>;expires=50, <sip:b@198.51.100.1>;expires=9")], 3600),
        ([("Contact", f"{CONTACT};expires=4294967295")], 86_400),
        ([("Contact", f"{CONTACT};expires=0")], 0),
    ],
)
def test_the_accepted_expiry_is_that_of_our_contact_then_expires_then_what_we_asked(
    new_registration, headers, expected
):
    """RFC 3261 §10.2.4."""
    response = respond(ask(new_registration()), 200, *headers)

    assert granted_expiry(response, CONTACT, 3600) == expected


def test_of_two_contacts_with_our_user_elsewhere_the_one_that_ends_first_counts(new_registration):
    """A border controller lists us as before, and as now: whichever is ours, we are not late."""
    headers = [("Contact", f"<sip:0f5a@203.0.113.{n}>;expires={n}00") for n in (2, 1)]

    assert granted_expiry(respond(ask(new_registration()), 200, *headers), CONTACT, 3600) == 100


def test_a_200_that_binds_nothing_is_a_failure(new_registration):
    registration = registered(new_registration(), expires=0)

    assert (registration.state, registration.reason) == (State.FAILED, "Accepted Without A Binding")
    assert registration.due == 145.0


def test_a_new_address_takes_the_place_of_the_old_one(new_registration):
    """Otherwise calls would go to both until the old one expires."""
    registration = registered(new_registration())

    request = ask(registration, 200.0, "<sip:0f5a@192.0.2.77>")

    assert request.headers.get_all("Contact") == ["<sip:0f5a@192.0.2.77>", f"{CONTACT};expires=0"]


# --- 401, 407 and 423 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "asked", "answered"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_a_challenge_is_answered_once(new_registration, status, asked, answered):
    registration = new_registration(auth_username="auth")

    assert take(registration, ask(registration), status, (asked, CHALLENGE))
    second = registration.request(CONTACT, 100.0)
    assert not take(registration, second, status, (asked, CHALLENGE))

    credentials = Credentials.parse(second.headers.get(answered))
    assert credentials.params["username"] == "auth"
    assert digest.verify(credentials, "REGISTER", "sip:192.0.2.9", digest.ha1("auth", "b", "secret"))
    assert second.cseq.number == 2
    assert (registration.state, registration.status, registration.due) == (State.FAILED, status, 145.0)


def test_a_proxy_and_the_registrar_may_both_ask(new_registration):
    registration = new_registration()

    assert take(registration, ask(registration), 407, ("Proxy-Authenticate", CHALLENGE))
    assert take(registration, registration.request(CONTACT, 100.0), 401, ("WWW-Authenticate", CHALLENGE))

    request = registration.request(CONTACT, 100.0)
    assert "Authorization" in request.headers
    assert "Proxy-Authorization" in request.headers


def test_a_stale_nonce_is_replaced(new_registration):
    """RFC 7616 §3.3."""
    registration = new_registration()
    take(registration, ask(registration), 401, ("WWW-Authenticate", CHALLENGE))
    stale = 'Digest realm="b", nonce="m", qop="auth", stale=true'

    assert take(registration, registration.request(CONTACT, 100.0), 401, ("WWW-Authenticate", stale))
    assert said(registration.request(CONTACT, 100.0)) == ("m", "00000001")


def said(request):
    """The nonce of a request, and how often it was used with it."""
    params = Credentials.parse(request.headers.get("Authorization")).params
    return params["nonce"], params["nc"]


def accepted(registration, *headers):
    """Register where credentials are wanted; the 200 has these headers."""
    take(registration, ask(registration), 401, ("WWW-Authenticate", CHALLENGE))
    take(registration, registration.request(CONTACT, 100.0), 200, *headers)
    return registration


def test_what_was_accepted_goes_along_with_the_renewal(new_registration):
    registration = accepted(new_registration())

    assert said(ask(registration)) == ("n", "00000002")


def test_the_renewal_uses_the_nonce_that_the_registrar_named(new_registration):
    """RFC 7616 §3.5."""
    registration = accepted(new_registration(), ("Authentication-Info", 'nextnonce="m", qop=auth'))

    assert said(ask(registration)) == ("m", "00000001")


@pytest.mark.parametrize("refusal", [401, 403])
def test_what_was_refused_does_not_go_along(new_registration, refusal):
    registration = accepted(new_registration())
    take(registration, ask(registration), refusal)

    assert "Authorization" not in ask(registration).headers


def test_a_changed_provider_is_sent_nothing_in_advance(new_registration):
    registration = accepted(new_registration())
    registration.change(101.0)

    assert "Authorization" not in ask(registration).headers


def test_only_the_realm_that_was_set_gets_an_answer(new_registration):
    wrong, right = new_registration(realm="elsewhere"), new_registration(realm="b")

    assert not take(wrong, ask(wrong), 401, ("WWW-Authenticate", CHALLENGE))
    assert take(right, ask(right), 401, ("WWW-Authenticate", CHALLENGE))

    assert wrong.reason == "Challenge Cannot Be Answered"


def test_a_password_that_cannot_be_read_is_a_failed_attempt(new_registration):
    class Sealed:
        name, username, auth_username, realm = "trunk", "u", None, None

        @property
        def password(self):
            raise UserError("the key is gone")

    registration = new_registration()
    registration.provider = Sealed()

    assert not take(registration, ask(registration), 401, ("WWW-Authenticate", CHALLENGE))
    assert registration.state == State.FAILED


def test_an_expiry_that_is_too_brief_is_lengthened_and_remembered(new_registration):
    """RFC 3261 §10.2.8."""
    registration = new_registration()

    assert take(registration, ask(registration), 423, ("Min-Expires", "7200"))
    assert registration.request(CONTACT, 100.0).expires == 7200
    assert ask(registration).expires == 7200


@pytest.mark.parametrize("minimum", ["60", "3600", "86401", "soon", None])
def test_a_423_that_asks_for_nothing_better_is_a_failure(new_registration, minimum):
    registration = new_registration()
    headers = [("Min-Expires", minimum)] if minimum else []

    assert not take(registration, ask(registration), 423, *headers)
    assert (registration.state, registration.asked) == (State.FAILED, 3600)


def test_a_registrar_cannot_raise_the_expiry_for_ever(new_registration):
    registration = new_registration()

    assert take(registration, ask(registration), 423, ("Min-Expires", "7200"))
    assert not take(registration, registration.request(CONTACT, 100.0), 423, ("Min-Expires", "7300"))


# --- failures --------------------------------------------------------------------------------------


def test_failures_in_a_row_wait_longer_and_a_success_starts_anew(new_registration):
    registration = new_registration()
    waits = []
    for status in (503, 500, 480, 503):
        take(registration, ask(registration), status)
        waits.append(registration.due - 100.0)

    assert waits == [45, 90, 180, 360]
    assert registered(registration).failures == 0
    take(registration, ask(registration, 3000.0), 503, now=3000.0)
    assert registration.due == 3045.0


def test_a_renewal_that_fails_leaves_us_registered_until_the_end(new_registration):
    registration = registered(new_registration(), expires=300)

    take(registration, ask(registration, 370.0), 503, now=370.0)
    assert (registration.state, registration.status, registration.expires_at) == (
        State.REGISTERED,
        503,
        400.0,
    )

    take(registration, ask(registration, 415.0), 503, now=415.0)
    assert (registration.state, registration.contact, registration.expires_at) == (State.FAILED, None, None)
    assert registration.lease_until == 415.0 + LEASE


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_waits_half_an_hour(new_registration, status):
    registration = new_registration()
    for _ in range(2):
        take(registration, ask(registration), status)

    assert registration.due == 100.0 + 1800 * 1.125


def test_retry_after_is_honoured(new_registration):
    registration = new_registration()

    take(registration, ask(registration), 503, ("Retry-After", "120 (I'm busy);duration=9"))

    assert registration.due == 220.0


@pytest.mark.parametrize(("status", "reason"), [(408, "No Answer"), (503, "Cannot Be Reached")])
def test_what_nobody_answered_says_so(new_registration, status, reason):
    registration = new_registration()

    take(registration, ask(registration), status, local=True)

    assert (registration.status, registration.reason) == (status, reason)


def test_a_change_during_an_attempt_leads_to_another_one_at_once(new_registration):
    registration = new_registration()
    request = ask(registration)
    registration.change(101.0)

    take(registration, request, 403, now=102.0)

    assert registration.due == 102.0


# --- the end, and the database ---------------------------------------------------------------------


def test_leaving_removes_the_contact_that_the_provider_knows(new_registration):
    """RFC 3261 §10.2.2."""
    registration = registered(new_registration())
    registration.is_leaving = True

    request = ask(registration, 200.0, "<sip:0f5a@192.0.2.77>")
    assert take(registration, request, 401, ("WWW-Authenticate", CHALLENGE), now=200.0)
    again = registration.request(CONTACT, 200.0)
    take(registration, again, 200, now=200.0)

    for sent in (request, again):
        assert (sent.headers.get_all("Contact"), sent.expires) == ([CONTACT], 0)
    assert not registration.holds(200.0)


def restored(new_registration, unix_time, **changes):
    values = {
        "provider_id": 1, "node": "a", "state": "registered", "contact": CONTACT, "call_id": "old", "cseq": 7,
        "expires_at": 1_003_600.0, "status": 200, "reason": "OK", "updated_at": 1_000_000.0,
    }  # fmt: skip
    registration = new_registration()
    registration.restore(RegistrationRow(**{**values, **changes}), 100.0, unix_time)
    return registration


def test_a_row_says_all_that_is_needed_to_go_on(new_registration):
    registration = registered(new_registration())

    row = RegistrationRow(*registration.row("a", 100.0, 1_000_000.0))

    assert row._asdict() == {
        "provider_id": 1, "node": "a", "state": "registered", "contact": CONTACT, "call_id": "call-id", "cseq": 1,
        "expires_at": 1_003_600.0, "status": 200, "reason": "OK", "updated_at": 1_000_000.0, "address": None,
        "service_route": None,
    }  # fmt: skip


def test_after_a_restart_it_is_renewed_when_it_would_have_been(new_registration):
    registration = restored(new_registration, 1_001_000.0)

    assert (registration.due, registration.expires_at) == (2340.0, 2700.0)
    assert registration.state == State.REGISTERED
    request = ask(registration, 2340.0)
    assert request.call_id == "old"
    assert request.cseq.number > 7


@pytest.mark.parametrize(
    ("unix_time", "changes"),
    [
        (1_003_500.0, {}),  # overdue
        (1_003_601.0, {}),  # over
        (1_001_000.0, {"status": 503}),  # a renewal had failed
        (1_001_000.0, {"state": "failed", "expires_at": None, "status": 503, "contact": None}),
        (1_001_000.0, {"state": "registering", "expires_at": None}),
    ],
)
def test_after_a_restart_anything_else_is_due_at_once(new_registration, unix_time, changes):
    assert restored(new_registration, unix_time, **changes).due == 100.0


def test_a_restart_is_no_reason_to_ask_again_where_we_were_refused(new_registration):
    changes = {"state": "failed", "expires_at": None, "status": 403, "contact": None}

    assert restored(new_registration, 1_000_600.0, **changes).due == 100.0 + 1200.0
    assert restored(new_registration, 1_009_000.0, **changes).due == 100.0


def test_a_row_that_nothing_was_sent_for_has_no_call_id(new_registration):
    registration = restored(new_registration, 1_000_001.0, state="registering", call_id=None, cseq=None)

    assert (registration.call_id, registration.cseq) == ("call-id", 0)
