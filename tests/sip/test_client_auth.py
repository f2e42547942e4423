"""What a client makes of challenges: which requests follow, and what goes along with them."""

import json

import pytest

from sipwright.sip import Credentials, Request, Response, digest
from sipwright.sip.client_auth import MOST_ROUNDS, ClientAuth

SERVER, PROXY = "WWW-Authenticate", "Proxy-Authenticate"


def secret(realm, algorithm):
    return None if realm == "unknown" else digest.ha1("u", realm, "p", algorithm)


class Client:
    """Sends requests that are challenged, as whoever uses a `ClientAuth` does."""

    def __init__(self):
        self.auth = ClientAuth()
        self.cseq = self.rounds = 0
        self.request = self.send()

    def send(self, method="INVITE"):
        self.cseq += 1
        self.request = Request(method, "sip:1@x", [("CSeq", f"{self.cseq} {method}")])
        self.auth.sign(self.request, "u", secret, "c")
        return self.request

    def begin(self, method="INVITE"):
        self.rounds = 0
        return self.send(method)

    def challenge(self, *values, asked=SERVER, status=401, **options):
        response = Response(status, None, [(asked, value) for value in values])
        return self.answer(response, **options)

    def answer(self, response, **options):
        if not self.auth.learn(self.request, response, secret, self.rounds, **options):
            return False
        self.rounds += 1
        self.send(self.request.method)
        return True

    def said(self, header="Authorization"):
        """Realm, nonce and count of each answer in the last request; every one of them is right."""
        found = [Credentials.parse(value) for value in self.request.headers.get_all(header)]
        for one in found:
            algorithm = one.params.get("algorithm", "MD5")
            key = secret(one.params["realm"], algorithm)
            assert digest.verify(one, self.request.method, "sip:1@x", key, algorithm)
        return [(one.params["realm"], one.params["nonce"], digest.nonce_count(one)) for one in found]


@pytest.fixture
def client():
    return Client()


def digest_of(nonce="1", realm="r", more=""):
    return f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{more}'


def test_nothing_goes_along_with_the_first_request(client):
    assert client.said() == client.said("Proxy-Authorization") == []


def test_a_challenge_is_answered(client):
    assert client.challenge(digest_of())

    assert client.said() == [("r", "1", 1)]


def test_the_same_nonce_refused_means_wrong_credentials(client):
    """RFC 3261 §22.1: a UAC MUST NOT re-attempt requests with the credentials that have just been rejected."""
    client.challenge(digest_of())

    assert not client.challenge(digest_of())
    assert not client.challenge(digest_of(more=", stale=false"))


@pytest.mark.parametrize("stale", ["stale=true", "stale=TRUE", 'stale="true"'])
def test_a_stale_nonce_is_replaced(client, stale):
    """RFC 7616 §3.3."""
    client.challenge(digest_of("1"))

    assert client.challenge(digest_of("2", more=f", {stale}"))
    assert client.said() == [("r", "2", 1)]


def test_a_nonce_that_is_stale_and_the_same_is_used_once_more(client):
    client.challenge(digest_of("1"))

    assert client.challenge(digest_of("1", more=", stale=true"))
    assert client.said() == [("r", "1", 2)]


def test_a_new_nonce_is_answered_where_nobody_says_that_the_old_one_is_stale(client):
    client.challenge(digest_of("1"))

    assert client.challenge(digest_of("2"))
    assert client.said() == [("r", "2", 1)]


def test_the_rounds_of_one_request_are_limited(client):
    asked = [
        client.challenge(digest_of(str(number), more=", stale=true")) for number in range(MOST_ROUNDS + 1)
    ]

    assert asked == [True] * MOST_ROUNDS + [False]


def test_who_must_not_be_banned_believes_new_nonces_less_often(client):
    """A server that gives a new nonce to a wrong password counts failures all the same."""
    client.challenge(digest_of("1"), refusals=1)

    assert client.challenge(digest_of("2"), refusals=1)
    assert not client.challenge(digest_of("3"), refusals=1)


def test_a_reason_ends_the_doubt(client):
    client.challenge(digest_of("1"), refusals=1)
    client.challenge(digest_of("2"), refusals=1)

    assert client.challenge(digest_of("3", more=", stale=true"), refusals=1)
    assert client.challenge(digest_of("4"), refusals=1)


def test_the_answers_to_a_proxy_and_to_a_server_go_together(client):
    """RFC 3261 §22.3."""
    client.challenge(digest_of("p", "proxy"), asked=PROXY, status=407)

    assert client.challenge(digest_of("s", "server"))
    assert client.said() == [("server", "s", 1)]
    assert client.said("Proxy-Authorization") == [("proxy", "p", 2)]


def test_of_one_realm_a_proxy_and_a_server_are_two(client):
    client.challenge(digest_of("same"), asked=PROXY, status=407)

    assert client.challenge(digest_of("same"))
    assert (client.said(), client.said("Proxy-Authorization")) == ([("r", "same", 1)], [("r", "same", 2)])


def test_several_realms_in_one_response_are_all_answered(client):
    """RFC 3261 §22.3: a forking proxy aggregates the challenges of its branches, whatever the status."""
    values = [(SERVER, digest_of("1", "a")), (PROXY, digest_of("2", "b")), (PROXY, digest_of("3", "c"))]
    client.answer(Response(401, None, values))

    assert client.said() == [("a", "1", 1)]
    assert client.said("Proxy-Authorization") == [("b", "2", 1), ("c", "3", 1)]


def test_there_are_not_more_answers_than_can_make_sense(client):
    client.challenge(*[digest_of(str(number), f"r{number}") for number in range(9)])

    assert len(client.said()) == 4


@pytest.mark.parametrize(
    "values",
    [
        ('Basic realm="r"', digest_of()),
        ('Digest realm="r", nonce="0", algorithm=SHA3-999, qop="auth"', digest_of()),
        (digest_of("0", "unknown"), digest_of()),
        (digest_of(), 'Digest realm="r", nonce="0", qop="auth-int"'),
        ("gibberish", digest_of()),
        ('Basic realm="r", ' + digest_of(),),
        (f'Digest realm="r, Digest x=", nonce="0", algorithm=AES, {digest_of()}',),
    ],
)
def test_of_several_challenges_the_one_that_we_know_is_answered(client, values):
    assert client.challenge(*values)

    assert client.said() == [("r", "1", 1)]


def test_of_one_realm_the_strongest_is_answered(client):
    client.challenge(digest_of("1"), digest_of("2", more=", algorithm=SHA-256"))

    assert client.said() == [("r", "2", 1)]


@pytest.mark.parametrize("algorithm", ["MD5", "md5", '"SHA-256"', "SHA-512-256"])
def test_every_algorithm_that_we_know(client, algorithm):
    assert client.challenge(digest_of(more=f", algorithm={algorithm}"))

    assert client.said() == [("r", "1", 1)]


@pytest.mark.parametrize("values", [(), ("",), ("Basic realm=x",), (digest_of("1", "unknown"),)])
def test_what_cannot_be_answered_is_not(client, values):
    assert not client.challenge(*values)


@pytest.mark.parametrize("status", [200, 403, 486])
def test_only_a_challenge_is_one(client, status):
    assert not client.challenge(digest_of(), status=status)


def test_a_server_without_qop_is_answered_without_count(client):
    """RFC 2069."""
    client.challenge('Digest realm="r", nonce="1"')
    client.begin()

    assert client.said() == [("r", "1", None)]


def test_what_was_accepted_goes_along_with_the_next_request_and_counts_up(client):
    client.challenge(digest_of())
    client.begin("BYE")

    assert client.said() == [("r", "1", 2)]


def test_what_nobody_has_asked_for_may_be_refused(client):
    """The nonce has expired meanwhile, whatever the server says about it; the password was right before."""
    client.challenge(digest_of("1"))
    client.begin("BYE")

    assert client.challenge(digest_of("2"))
    assert client.said() == [("r", "2", 1)]


def test_also_with_the_same_nonce(client):
    client.challenge(digest_of("1"))
    client.begin("BYE")

    assert client.challenge(digest_of("1"))
    assert client.said() == [("r", "1", 3)]
    assert not client.challenge(digest_of("1"))


def test_a_realm_that_is_not_asked_for_any_more_is_forgotten(client):
    client.challenge(digest_of("1", "old"))
    client.begin()
    client.challenge(digest_of("2", "new"))

    assert client.said() == [("new", "2", 1)]


def test_a_copy_of_the_invite_is_signed_as_it_was(client):
    """It is the same request, made again for another transport."""
    client.challenge(digest_of())
    copy = Request("INVITE", "sip:1@x", [("CSeq", f"{client.cseq} INVITE")])
    client.auth.sign(copy, "u", secret, "other")

    assert copy.headers.get("Authorization") == client.request.headers.get("Authorization")


def test_the_ack_has_the_credentials_of_its_invite(client):
    """RFC 3261 §13.2.2.4, §22.1: it duplicates all of them, as nobody can challenge an ACK."""
    client.challenge(digest_of())
    client.challenge(digest_of("p"), asked=PROXY, status=407)
    first = client.request
    client.begin()
    for invite in (first, client.request):
        assert client.auth.of_invite(invite.cseq.number) == list(invite.headers.items())[1:]


def test_an_ack_to_an_invite_without_credentials_has_none(client):
    assert client.auth.of_invite(1) == []


@pytest.mark.parametrize(
    ("asked", "info", "answered"),
    [
        (SERVER, "Authentication-Info", "Authorization"),
        (PROXY, "Proxy-Authentication-Info", "Proxy-Authorization"),
        (PROXY, "Authentication-Info", "Proxy-Authorization"),  # RFC 3261 §20.6 knows no other
    ],
)
def test_the_next_nonce_is_used_next(client, asked, info, answered):
    """RFC 7616 §3.5."""
    client.challenge(digest_of("1"), asked=asked)
    success = Response(200, None, [(info, 'qop=auth, nextnonce="2", rspauth="x", cnonce="c", nc=00000001')])
    client.auth.take(success)
    client.begin("BYE")
    client.auth.take(success)  # its copy
    client.begin("BYE")

    assert client.said(answered) == [("r", "2", 2)]


@pytest.mark.parametrize("value", ['rspauth="x"', 'nextnonce=""', "?", ""])
def test_without_a_next_nonce_the_count_goes_on(client, value):
    client.challenge(digest_of("1"))
    client.auth.take(Response(200, None, [("Authentication-Info", value)]))
    client.auth.take(Response(200, None, [("Proxy-Authentication-Info", 'nextnonce="9"')]))
    client.begin()

    assert client.said() == [("r", "1", 2)]


def test_another_process_goes_on(client):
    client.challenge(digest_of("1", more=', algorithm=SHA-256, opaque="o"'))
    invite = client.request
    state = json.loads(json.dumps(client.auth.to_state()))
    client.auth = ClientAuth.from_state(state)

    assert client.auth.of_invite(2) == [("Authorization", invite.headers.get("Authorization"))]
    assert not client.challenge(digest_of("1", more=', algorithm=SHA-256, opaque="o"'))
    client.begin("BYE")
    assert client.said() == [("r", "1", 2)]


def test_two_dialogs_with_one_nonce_share_its_count(client):
    client.challenge(digest_of("1"))
    other = Client()
    other.auth = ClientAuth(client.auth.spaces)
    other.begin()
    client.begin("BYE")

    assert (other.said(), client.said()) == ([("r", "1", 2)], [("r", "1", 3)])


def test_credentials_for_what_has_lost_its_secret_are_left_out(client):
    client.challenge(digest_of("1"))
    request = Request("BYE", "sip:1@x", [("CSeq", "9 BYE")])
    client.auth.sign(request, "u", lambda *_: None, "c")

    assert "Authorization" not in request.headers
