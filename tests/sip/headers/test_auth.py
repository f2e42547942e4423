"""Challenges and credentials as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip import Challenge, Credentials, ParseError
from sipwright.sip.headers.auth import split_challenges


@pytest.mark.parametrize(
    ("value", "challenges"),
    [
        ('Digest realm="a", nonce="b"', ['Digest realm="a", nonce="b"']),
        (
            'Basic realm="a",Digest realm="b, Digest x=", qop=auth',
            ['Basic realm="a"', 'Digest realm="b, Digest x=", qop=auth'],
        ),
        ("Digest a=b , Digest  c = d", ["Digest a=b", "Digest  c = d"]),
        (', Digest realm="a",, nonce="b", ,', ['Digest realm="a", nonce="b"']),
        ('NTLM, Digest , realm="a"', ["NTLM", 'Digest, realm="a"']),
        ("", []),
        (",", []),
    ],
)
def test_challenges_that_stand_in_one_line(value, challenges):
    """RFC 3261 §7.3.1 forbids it, RFC 7235 §4.1 has it."""
    assert split_challenges(value) == challenges


def test_a_challenge():
    challenge = Challenge.parse(
        'Digest realm="a, \\"b\\"", qop="auth,auth-int", nonce="84f1", opaque="", stale=FALSE, algorithm=MD5'
    )

    assert challenge.scheme == "Digest"
    assert challenge.params == {
        "realm": 'a, "b"',
        "qop": "auth,auth-int",
        "nonce": "84f1",
        "opaque": "",
        "stale": "FALSE",
        "algorithm": "MD5",
    }


def test_a_challenge_is_written_as_phones_expect_it():
    """RFC 7616 §3.3: qop in quotes, algorithm and stale without."""
    challenge = Challenge(
        "Digest", {"realm": 'a "b"', "nonce": "1", "qop": "auth", "algorithm": "SHA-256", "stale": "true"}
    )

    text = 'Digest realm="a \\"b\\"", nonce="1", qop="auth", algorithm=SHA-256, stale=true'
    assert str(challenge) == text


def test_credentials():
    """RFC 7616 §3.4: qop and nc without quotes; blanks anywhere, names in any case."""
    credentials = Credentials.parse(
        'Digest Username = "b\\\\ob" ,realm="r",uri="sip:a,b;x=y",qop=auth,nc=00000001, cnonce="c"'
    )

    assert credentials.params == {
        "username": "b\\ob",
        "realm": "r",
        "uri": "sip:a,b;x=y",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "c",
    }
    assert str(credentials) == (
        'Digest username="b\\\\ob", realm="r", uri="sip:a,b;x=y", qop=auth, nc=00000001, cnonce="c"'
    )
    assert repr(Credentials("X", {"a": "1"})) == "Credentials('X', {'a': '1'})"


def test_an_unknown_scheme_is_read_when_it_has_parameters():
    assert Credentials.parse("NoOneKnows opaque-data=here").params == {"opaque-data": "here"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Authorization is not a scheme and parameters"),
        ("Digest", "Authorization is not a scheme and parameters"),
        ("Digest ", "Authorization cannot be read at ''"),
        ("Basic dXNlcjpwYXNz", "Authorization cannot be read at 'dXNlcjpwYXNz'"),
        ('Digest username="a', "Authorization cannot be read at 'username=\"a'"),
        ("Digest a=1, A=2", "Authorization has a parameter twice"),
        ('Digest a=b"c"', "Authorization cannot be read at 'a=b\"c\"'"),
    ],
)
def test_what_is_wrong_with_credentials(text, reason):
    with pytest.raises(ParseError) as caught:
        Credentials.parse(text)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        'Digest realm="r",, nonce="n"',
        'Digest , realm="r" , ,nonce="n",',
        'Digest realm="r" nonce="n"',
        'Digest realm="r"nonce="n"',
        'Digest realm="r", nonce=n ,\t,',
    ],
)
def test_what_stands_between_parameters_says_nothing(text):
    """A list may have empty elements (RFC 9110 §5.6.1.2), and some leave the comma out."""
    assert Challenge.parse(text).params == {"realm": "r", "nonce": "n"}


def test_a_parameter_may_have_nothing_to_say():
    challenge = Challenge.parse('Digest realm="r", stale=, opaque="", nonce="n", algorithm=')

    assert challenge.params == {"realm": "r", "stale": "", "opaque": "", "nonce": "n", "algorithm": ""}


def test_an_error_in_a_challenge_says_so():
    with pytest.raises(ParseError, match="The challenge is not a scheme"):
        Challenge.parse("Digest")


@pytest.mark.parametrize("username", ["a", "b, c=d", "", "\t", "x" * 600])
def test_what_phones_of_one_make_write_differs_in_the_quoted_values(username):
    text = f'Digest username="{username}", Realm="r",nc=00000001 , cnonce="\t"'
    params = {"username": username, "realm": "r", "nc": "00000001", "cnonce": "\t"}

    assert list(Credentials.parse(text).params.items()) == list(params.items())


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)


@given(NAMES, NAMES)
def test_any_user_and_realm_survive(username, realm):
    params = {"username": username, "realm": realm, "nc": "00000001"}

    assert Credentials.parse(str(Credentials("Digest", params))).params == params


def test_a_tab_may_stand_where_a_blank_may():
    """RFC 3261 §25.1, LWS; and where it does, it stands for nothing that was quoted."""
    found = Credentials.parse('Digest username="alice",\trealm="h", nc=1\t, nonce="n"')

    assert found.params == {"username": "alice", "realm": "h", "nc": "1", "nonce": "n"}


def test_a_tab_in_the_place_of_a_value_is_none():
    assert Credentials.parse('Digest a=\t, b="c"').params == {"a": "", "b": "c"}
