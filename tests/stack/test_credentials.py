"""Whose challenges are answered, in which header, and what is left unanswered."""

from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from sipwright.errors import UserError
from sipwright.sip import Response
from sipwright.stack import answer_challenge


def challenged(status, realm="sip.example"):
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, None, [(header, f'Digest realm="{realm}", nonce="n", qop="auth"')])


def somebody(**changes):
    known = {
        "name": "blueface",
        "username": "353",
        "auth_username": None,
        "password": "secret",
        "realm": None,
    }
    return SimpleNamespace(**(known | changes))


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_a_challenge_is_answered_in_the_header_of_its_kind(status, header):
    answered, value = answer_challenge(somebody(), "INVITE", "sip:1@x", challenged(status), "c")

    assert answered == header
    assert 'username="353"' in value


def test_the_name_for_challenges_is_used_where_there_is_one():
    _, value = answer_challenge(somebody(auth_username="a1"), "INVITE", "sip:1@x", challenged(401), "c")

    assert 'username="a1"' in value


def test_another_realm_than_the_configured_one_is_told_and_gets_nothing():
    with capture_logs() as logs:
        strict = somebody(realm="sip.example")
        assert answer_challenge(strict, "INVITE", "sip:1@x", challenged(401, "evil.example"), "c") is None
        assert answer_challenge(strict, "INVITE", "sip:1@x", challenged(401), "c") is not None

    assert [(entry["provider"], entry["realm"]) for entry in logs] == [("blueface", "evil.example")]


def test_a_password_that_cannot_be_decrypted_answers_nothing():
    class Sealed:
        name, username, auth_username, realm = "blueface", "353", None, None

        @property
        def password(self):
            raise UserError("another key file")

    assert answer_challenge(Sealed(), "INVITE", "sip:1@x", challenged(401), "c") is None
