"""Whose name stands under the answer to a challenge, and what is left unanswered."""

from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from sipwright.errors import UserError
from sipwright.sip import Request, Response
from sipwright.sip.client_auth import ClientAuth
from sipwright.stack import learn_challenge, sign_request


def challenged(status, realm="sip.example"):
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, None, [(header, f'Digest realm="{realm}", nonce="n", qop="auth"')])


def invite():
    return Request("INVITE", "sip:1@x", [("CSeq", "1 INVITE")])


def somebody(**changes):
    known = {
        "name": "blueface",
        "username": "353",
        "auth_username": None,
        "password": "secret",
        "realm": None,
    }
    return SimpleNamespace(**(known | changes))


def learnt(credentials, response):
    auth = ClientAuth()
    return learn_challenge(auth, credentials, invite(), response, 0), auth


def signed(credentials, auth):
    request = invite()
    sign_request(auth, credentials, request, lambda: "c")
    return [pair for pair in request.headers.items() if pair[0] != "CSeq"]


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_a_challenge_is_answered_in_the_header_of_its_kind(status, header):
    is_met, auth = learnt(somebody(), challenged(status))
    ((answered, value),) = signed(somebody(), auth)

    assert (is_met, answered) == (True, header)
    assert 'username="353"' in value


def test_the_name_for_challenges_is_used_where_there_is_one():
    _, auth = learnt(somebody(auth_username="a1"), challenged(401))

    assert 'username="a1"' in signed(somebody(auth_username="a1"), auth)[0][1]


def test_another_realm_than_the_configured_one_is_told_and_gets_nothing():
    strict = somebody(realm="sip.example")
    with capture_logs() as logs:
        assert not learnt(strict, challenged(401, "evil.example"))[0]
        assert learnt(strict, challenged(401))[0]

    assert [(entry["provider"], entry["realm"]) for entry in logs] == [("blueface", "evil.example")]


def test_a_password_that_cannot_be_decrypted_answers_nothing():
    class Sealed:
        name, username, auth_username, realm = "blueface", "353", None, None

        @property
        def password(self):
            raise UserError("another key file")

    _, known = learnt(somebody(), challenged(401))

    assert not learnt(Sealed(), challenged(401))[0]
    assert signed(Sealed(), known) == []


def test_who_was_never_challenged_signs_nothing():
    assert signed(somebody(), ClientAuth()) == []
