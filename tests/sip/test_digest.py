import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipwright import native
from sipwright.sip.digest import (
    ALGORITHMS,
    MalformedCount,
    UnsupportedQop,
    answer,
    challenge,
    find_credentials,
    ha1,
    is_right,
    nonce_count,
    verify,
)
from sipwright.sip.headers.auth import Answer, Challenge, Credentials


def credentials(text):
    return Credentials.parse(text)


def answered(params="", *, algorithm="MD5", username="alice", password="secret", realm="example.org", nc=1):
    """Credentials as a client makes them for a challenge that has these further parameters."""
    value = answer(
        [f'Digest realm="{realm}", nonce="n0nce", algorithm={algorithm}{params}'],
        "REGISTER",
        "sip:example.org",
        username,
        lambda realm, algorithm: ha1(username, realm, password, algorithm),
        "c0ffee",
        nc,
    )
    assert value is not None
    return Credentials.parse(value)


# --- published vectors ----------------------------------------------------------------------------


def test_rfc_2617_example():
    """RFC 2617 §3.5."""
    mufasa = credentials(
        'Digest username="Mufasa", realm="testrealm@host.com",'
        ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001,'
        ' cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1",'
        ' opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )

    assert verify(mufasa, "GET", "/dir/index.html", ha1("Mufasa", "testrealm@host.com", "Circle Of Life"))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616_example(algorithm, response):
    """RFC 7616 §3.9.1."""
    mufasa = credentials(
        f'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",'
        f' algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,'
        f' cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}",'
        f' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)

    assert verify(mufasa, "GET", None, secret, algorithm)


def test_a_long_uri_is_verified_too():
    uri = "sip:" + "x" * 200
    value = answer(
        ['Digest realm="r", nonce="n", qop="auth"'], "INVITE", uri, "a", lambda *_: ha1("a", "r", "p"), "c"
    )

    assert value is not None
    assert verify(Credentials.parse(value), "INVITE", uri, ha1("a", "r", "p"))
    assert not verify(
        Credentials.parse(value.replace("sip:xx", "sip:yx")), "INVITE", None, ha1("a", "r", "p")
    )


def test_rfc_7616_example_with_sha_512_256_as_corrected():
    """RFC 7616 §3.9.2; the values printed there are wrong, these are of the verified erratum."""
    jason = "Jäsøn Doe"
    value = answer(
        [
            'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256,'
            ' nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",'
            ' opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
        ],
        "GET",
        "/doe.json",
        jason,
        lambda realm, algorithm: ha1(jason, realm, "Secret, or not?", algorithm),
        "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    )

    assert value is not None
    assert Credentials.parse(value).params["response"] == (
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    )


def test_rfc_8760_empty_hash():
    """RFC 8760 §2.6 (7)."""
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert ALGORITHMS["SHA-256"]("") == expected


# --- verify ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(ALGORITHMS))
@pytest.mark.parametrize("qop", ["", ', qop="auth"', ', qop="auth,auth-int"'])
def test_an_answer_verifies_with_the_right_password_only(algorithm, qop):
    given_answer = answered(qop, algorithm=algorithm)
    right = ha1("alice", "example.org", "secret", algorithm)
    wrong = ha1("alice", "example.org", "Secret", algorithm)

    assert verify(given_answer, "REGISTER", "sip:example.org", right, algorithm)
    assert not verify(given_answer, "REGISTER", "sip:example.org", wrong, algorithm)
    assert not verify(given_answer, "INVITE", "sip:example.org", right, algorithm)


def test_the_uri_is_compared_only_when_one_is_given():
    """RFC 8760 §2.6 (6)."""
    secret = ha1("alice", "example.org", "secret")

    assert not verify(answered(), "REGISTER", "sip:elsewhere.example", secret)
    assert verify(answered(), "REGISTER", None, secret)


def test_an_algorithm_that_was_not_offered_is_refused():
    md5 = answered(algorithm="MD5")

    assert not verify(md5, "REGISTER", None, ha1("alice", "example.org", "secret"), "SHA-256")


def test_an_answer_may_leave_out_the_algorithm_that_was_offered():
    """Seen from phones; the stored hash alone decides, so nothing is weakened."""
    for algorithm in ALGORITHMS:
        silent = answered(algorithm=algorithm)
        del silent.params["algorithm"]

        assert verify(silent, "REGISTER", None, ha1("alice", "example.org", "secret", algorithm), algorithm)


def test_the_algorithm_is_named_in_any_case():
    lower = answered()
    lower.params["algorithm"] = "md5"

    assert verify(lower, "REGISTER", None, ha1("alice", "example.org", "secret"))


@pytest.mark.parametrize("missing", ["nonce", "uri", "response", "nc", "cnonce"])
def test_an_incomplete_answer_is_wrong(missing):
    incomplete = answered(', qop="auth"')
    del incomplete.params[missing]

    assert not verify(incomplete, "REGISTER", None, ha1("alice", "example.org", "secret"))


def test_auth_int_is_refused_clearly():
    greedy = answered(', qop="auth"')
    greedy.params["qop"] = "auth-int"

    with pytest.raises(UnsupportedQop, match="qop 'auth-int' was not offered, use auth"):
        verify(greedy, "REGISTER", None, "")


def test_a_response_that_is_not_ascii_is_only_wrong():
    odd = answered()
    odd.params["response"] = "ü\udcff"

    assert not verify(odd, "REGISTER", None, ha1("alice", "example.org", "secret"))


@given(username=st.text(), password=st.text(), cnonce=st.text(alphabet="0123456789abcdef", min_size=1))
def test_any_user_and_password_can_authenticate(username, password, cnonce):
    username = "".join(c for c in username if c >= " ")
    secret = ha1(username, "example.org", password)
    value = answer([challenge("example.org", "n")], "INVITE", "sip:b", username, lambda *_: secret, cnonce)
    assert value is not None
    parsed = Credentials.parse(value)

    assert parsed.params["username"] == username
    assert verify(parsed, "INVITE", "sip:b", secret)


def test_a_user_with_quotes_backslashes_and_raw_bytes_can_authenticate():
    username = 'al"i\\ce, \udcff\udcfe'
    value = answered(username=username)

    assert value.params["username"] == username
    assert verify(value, "REGISTER", None, ha1(username, "example.org", "secret"))


# --- reading credentials --------------------------------------------------------------------------


def test_credentials_are_found_by_their_realm():
    values = [
        "nonsense",
        'Basic realm="example.org"',
        'Digest realm="other", username="x"',
        'Digest realm="example.org", username="alice"',
    ]
    found = find_credentials(values, "example.org")

    assert found is not None
    assert found.params["username"] == "alice"
    assert find_credentials(values, "third") is None


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ('username="a"', None),
        ("qop=auth, nc=0000000a", 10),
        ("qop=auth", 0),
        ("qop=auth, nc=0000000A", 10),
    ],
)
def test_nonce_count(params, count):
    assert nonce_count(credentials(f"Digest {params}")) == count


@pytest.mark.parametrize(
    "text", ["1", "first", "000000001", "0x000001", "+0000001", "0000_001", '" 0000001"', '""']
)
def test_a_nonce_count_is_eight_hexadecimal_digits(text):
    """RFC 7616 §3.4: written in another way, one count could be used many times."""
    with pytest.raises(MalformedCount):
        nonce_count(credentials(f"Digest qop=auth, nc={text}"))


# --- challenge and answer -------------------------------------------------------------------------


def test_challenge():
    assert challenge("example.org", "abc") == (
        'Digest realm="example.org", nonce="abc", algorithm=MD5, qop="auth"'
    )
    assert challenge('a"b', "abc", "SHA-256", stale=True, opaque="x") == (
        r'Digest realm="a\"b", nonce="abc", algorithm=SHA-256, qop="auth", stale=true, opaque="x"'
    )
    assert Challenge.parse(challenge('a"b', "abc")).params["realm"] == 'a"b'


def offers(*values):
    """The algorithm of the answer to these challenges, and how often the secret was asked for."""
    asked = []

    def ha1_for(realm, algorithm):
        asked.append((realm, algorithm))
        return ha1("a", realm, "p", algorithm) if realm != "unknown" else None

    value = answer(list(values), "INVITE", "sip:b@example.org", "a", ha1_for, "c")
    return (Credentials.parse(value).params if value else None), asked


def test_the_strongest_challenge_is_answered():
    params, asked = offers(
        'Digest realm="r", nonce="1"',
        'Digest realm="r", nonce="2", algorithm=SHA-512-256',
        'Digest realm="r", nonce="3", algorithm=SHA-256',
    )

    assert params is not None
    assert params["nonce"] == "2"
    assert asked == [("r", "SHA-512-256")]


def test_of_equal_challenges_the_topmost_is_answered():
    """RFC 8760 §2.4."""
    params, _ = offers('Digest realm="r", nonce="1"', 'Digest realm="s", nonce="2"')

    assert params is not None
    assert params["nonce"] == "1"


def test_a_realm_without_credentials_is_passed_over():
    params, _ = offers('Digest realm="unknown", nonce="1", algorithm=SHA-256', 'Digest realm="r", nonce="2"')

    assert params is not None
    assert params["realm"] == "r"


@pytest.mark.parametrize(
    "value",
    [
        "",
        'Basic realm="r"',
        'Digest nonce="1"',
        'Digest realm="r"',
        'Digest realm="r", nonce="1", algorithm=AKAv1-MD5-sess',
        'Digest realm="r", nonce="1", qop="auth-conf"',
        'Digest realm="unknown", nonce="1"',
    ],
)
def test_what_cannot_be_answered_is_not(value):
    assert offers(value)[0] is None


def test_an_answer_follows_the_shape_of_the_challenge():
    modern, _ = offers('Digest realm="r", nonce="1", algorithm=md5, qop="auth-int, auth", opaque="o"')
    old, _ = offers('Digest realm="r", nonce="1"')

    assert modern is not None
    assert modern["algorithm"] == "MD5"
    assert (modern["qop"], modern["nc"], modern["cnonce"]) == ("auth", "00000001", "c")
    assert modern["opaque"] == "o"
    assert old is not None
    assert set(old) == {"username", "realm", "nonce", "uri", "response"}


def h(*parts, of="md5"):
    return hashlib.new(of, ":".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def said(value, body=b"", nc=1, cnonce="c"):
    """The parameters of the answer to a challenge."""
    found = answer(
        [value],
        "INVITE",
        "sip:b@x",
        "a",
        lambda realm, algorithm: ha1("a", realm, "p", algorithm),
        cnonce,
        nc,
        body,
    )
    assert found is not None
    return Credentials.parse(found).params


@pytest.mark.parametrize("body", [b"", b"v=0\r\n", b"\xff\x00 bytes"])
def test_a_server_that_wants_the_body_protected_is_answered(body):
    """RFC 7616 §3.4.3: A2 ends with the hash of what the request carries."""
    params = said('Digest realm="r", nonce="1", qop="auth-int"', body)
    hashed = hashlib.md5(body, usedforsecurity=False).hexdigest()

    assert (params["qop"], params["nc"]) == ("auth-int", "00000001")
    assert params["response"] == h(
        h("a", "r", "p"), "1", "00000001", "c", "auth-int", h("INVITE", "sip:b@x", hashed)
    )


def test_who_would_do_without_gets_no_protected_body():
    assert said('Digest realm="r", nonce="1", qop="auth-int,auth"')["qop"] == "auth"


def test_an_empty_qop_is_none():
    params = said('Digest realm="r", nonce="1", qop=""')

    assert set(params) == {"username", "realm", "nonce", "uri", "response"}
    assert params["response"] == h(h("a", "r", "p"), "1", h("INVITE", "sip:b@x"))


@pytest.mark.parametrize(
    ("algorithm", "of"), [("MD5-sess", "md5"), ("SHA-256-sess", "sha256"), ("md5-SESS", "md5")]
)
def test_a_session_has_one_key_for_as_long_as_its_nonce_lives(algorithm, of):
    """RFC 7616 §3.4.2: A1 is made with the nonces of the first answer."""
    value = f'Digest realm="r", nonce="1", qop="auth", algorithm={algorithm}'
    first, second = said(value), said(value, nc=2, cnonce="another")
    key = h(h("a", "r", "p", of=of), "1", first["cnonce"], of=of)

    assert first["algorithm"].lower() == algorithm.lower()
    assert first["cnonce"] == second["cnonce"] != said(value.replace("1", "2", 1))["cnonce"]
    for params in (first, second):
        assert params["response"] == h(
            key, "1", params["nc"], params["cnonce"], "auth", h("INVITE", "sip:b@x", of=of), of=of
        )


def test_a_session_without_qop_says_its_cnonce():
    params = said('Digest realm="r", nonce="1", algorithm=MD5-sess')

    assert params["response"] == h(h(h("a", "r", "p"), "1", params["cnonce"]), "1", h("INVITE", "sip:b@x"))


# --- the native part ------------------------------------------------------------------------------


@pytest.mark.skipif(
    native.md5_response is None, reason="the native part is not built: make clean run, where there is cargo"
)
@given(st.tuples(*[st.text(max_size=150)] * 4))
@example(("", "", "", ""))
@example(
    ("a" * 32, "m" * 21, "x" * 54, "")
)  # 55 bytes are the most of one block, and 64 are the first of two
@example(("a" * 32, "m" * 22, "x" * 55, ""))
@example(("a" * 32, "m" * 62, "x" * 63, ""))
@example(("é" * 32, "m" * 95, "REGISTER", "sip:example.org"))
def test_the_native_response_is_that_of_hashlib(texts):
    ha1_text, middle, method, uri = texts
    ha2 = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
    expected = hashlib.md5(f"{ha1_text}:{middle}:{ha2}".encode()).hexdigest()

    assert native.md5_response(ha1_text, middle, method, uri) == expected


@pytest.mark.parametrize("is_native", [True, False])
def test_rfc_7616_example_natively_or_not(monkeypatch, is_native):
    """RFC 7616 §3.9.1, as credentials that were read in one pass."""
    if not is_native:
        monkeypatch.setattr(native, "md5_response", None)
    mufasa = Answer(
        "Mufasa", "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "/dir/index.html",
        "8ca523f5e9506fed4657c9700eebdbec", "MD5", "auth", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )  # fmt: skip
    secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life")

    assert is_right(mufasa, "GET", secret, "MD5")
    assert not is_right(mufasa, "PUT", secret, "MD5")
    assert not is_right(mufasa._replace(nc="00000002"), "GET", secret, "MD5")
