"""RFC 3261 §19.1: the parts of a URI, its text, and when two are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.sip import STAR, ParseError, Uri, uris_match
from sipwright.sip.uri import as_request_uri, has_sip_scheme, hop_uri, is_secure


def parts(uri):
    return (uri.scheme, uri.user, uri.password, uri.host, uri.port, dict(uri.params), uri.headers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:example.com", ("sip", None, None, "example.com", None, {}, "")),
        ("SIPS:Alice@Example.COM:5061", ("sips", "Alice", None, "example.com", 5061, {}, "")),
        ("sip:alice:secret@10.0.0.1", ("sip", "alice", "secret", "10.0.0.1", None, {}, "")),
        ("sip:alice:@h", ("sip", "alice", "", "h", None, {}, "")),
        (
            "sip:a@h;Transport=TCP;lr?Subject=x&y=z",
            ("sip", "a", None, "h", None, {"transport": "TCP", "lr": None}, "Subject=x&y=z"),
        ),
        ("sip:a@[2001:DB8::1]:5060", ("sip", "a", None, "2001:db8::1", 5060, {}, "")),
        ("sip:[::1]", ("sip", None, None, "::1", None, {}, "")),
        ("sip:a;b=c?d/e@h", ("sip", "a;b=c?d/e", None, "h", None, {}, "")),
        ("sip:*21#@h", ("sip", "*21#", None, "h", None, {}, "")),
        ("sip:+358;postd=2@h;user=phone", ("sip", "+358;postd=2", None, "h", None, {"user": "phone"}, "")),
        ("sip:a%40b%00@h;%6C%72;n%61=v%41", ("sip", "a@b\0", None, "h", None, {"lr": None, "na": "vA"}, "")),
        ("sip:j%C3%BCrgen@h", ("sip", "jürgen", None, "h", None, {}, "")),
        ("sip:jürgen@h", ("sip", "jürgen", None, "h", None, {}, "")),
        ("sip:a%FF@my_host", ("sip", "a\udcff", None, "my_host", None, {}, "")),
        ("sip:100%@h", ("sip", "100%", None, "h", None, {}, "")),
    ],
)  # fmt: skip
def test_the_parts_of_a_sip_uri(text, expected):
    uri = Uri.parse(text)

    assert parts(uri) == expected
    assert str(uri) == text
    assert uri.is_sip


def test_the_raw_user_is_kept():
    assert Uri.parse("sip:a%40b@h").raw_user == "a%40b"


@pytest.mark.parametrize(
    ("text", "scheme", "opaque", "user", "params"),
    [
        ("tel:+1-201-555-0123", "tel", "+1-201-555-0123", "+1-201-555-0123", {}),
        ("TEL:7042;phone-context=h", "tel", "7042;phone-context=h", "7042", {"phone-context": "h"}),
        ("nobodyKnowsThis:opaquecontent", "nobodyknowsthis", "opaquecontent", None, {}),
        ("http://www.example.com/?a=b", "http", "//www.example.com/?a=b", None, {}),
        ("urn:service:sos", "urn", "service:sos", None, {}),
    ],
)  # fmt: skip
def test_other_schemes_are_opaque(text, scheme, opaque, user, params):
    uri = Uri.parse(text)

    assert (uri.scheme, uri.opaque, uri.user, uri.params) == (scheme, opaque, user, params)
    assert (uri.host, uri.port, uri.hostport) == ("", None, "")
    assert str(uri) == text
    assert not uri.is_sip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The URI cannot be read: "),
        ("alice", "The URI cannot be read: alice"),
        ("<sip:a@b>", "The URI cannot be read: <sip:a@b>"),
        ("sip:", "The URI cannot be read: sip:"),
        ("sip:a b@c", "The URI cannot be read: sip:a b@c"),
        ("sip:@h", "The SIP URI cannot be read: sip:@h"),
        ("sip:a@b@c", "The SIP URI cannot be read: sip:a@b@c"),
        ("sip:a@h:port", "The SIP URI cannot be read: sip:a@h:port"),
        ("sip:a@h:65536", "The URI has a port above 65535: 65536"),
        ("sip:a@[::1", "The SIP URI cannot be read: sip:a@[::1"),
        ("sip:a@[1:2:3]", "The URI has an IPv6 address that is none: 1:2:3"),
        ("sip:a@h;;lr", "The URI has a parameter that cannot be read at ';;lr'"),
        ("sip:a@h;lr;LR", "The URI has the parameter lr twice"),
        ("tel:1;;", "The URI has a parameter that cannot be read at ';;'"),
    ],
)
def test_what_is_wrong_with_a_uri(text, reason):
    with pytest.raises(ParseError) as caught:
        Uri.parse(text)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "text", ["sip:ph\x1ene@h", "sip:a:\x7f@h", "sip:a@h;x=\x01", "sip:a@h?x=\x0f", "tel:1\x002", "x:\x1f"]
)
def test_what_no_request_line_can_hold_is_no_uri(text):
    """A Contact becomes the Request-URI of the next request."""
    with pytest.raises(ParseError):
        Uri.parse(text)


@pytest.mark.parametrize(
    ("text", "transport"), [("sip:h", None), ("sip:h;transport=UDP", "udp"), ("sip:h;transport=ws", "ws")]
)
def test_the_transport_is_in_lower_case(text, transport):
    assert Uri.parse(text).transport == transport


@pytest.mark.parametrize("text", ["h", "h:5060", "[::1]", "[::1]:5060", "10.0.0.1:5062"])
def test_hostport_is_as_in_a_uri(text):
    assert Uri.parse(f"sip:a@{text}").hostport == text


def test_building_a_uri():
    uri = Uri(
        host="[2001:DB8::1]",
        user="a b@c",
        password="x",
        port=5060,
        params={"lr": None, "transport": "tcp", "x": "a;b"},
        headers="Subject=hi",
    )

    assert str(uri) == "sip:a%20b%40c:x@[2001:db8::1]:5060;lr;transport=tcp;x=a%3Bb?Subject=hi"
    assert parts(Uri.parse(str(uri))) == parts(uri)


def test_only_sip_uris_are_built():
    with pytest.raises(ValueError, match="not a SIP scheme"):
        Uri(scheme="tel", host="h")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "sip:%61:p@h:5070;lr?x=y"),
        ({"host": "other", "port": None}, "sip:%61:p@other;lr?x=y"),
        ({"user": "b c", "password": None}, "sip:b%20c@h:5070;lr?x=y"),
        ({"user": None}, "sip:h:5070;lr?x=y"),
        ({"scheme": "sips", "params": {}, "headers": ""}, "sips:%61:p@h:5070"),
    ],
)
def test_replace_leaves_the_rest_as_it_was(changes, text):
    original = Uri.parse("sip:%61:p@h:5070;lr?x=y")

    assert str(original.replace(**changes)) == text
    assert str(original) == "sip:%61:p@h:5070;lr?x=y"


def test_a_number_becomes_a_sip_uri():
    assert str(Uri.parse("tel:+123;ext=4").replace(scheme="sip", host="gw")) == "sip:+123@gw;ext=4"


def test_uris_compare_and_hash_by_their_text():
    one, same, other = Uri.parse("sip:a@h"), Uri.parse("sip:a@h"), Uri.parse("sip:a@H")

    assert one == same
    assert one != other
    assert one != "sip:a@h"
    assert len({one, same, other}) == 2
    assert repr(one) == "Uri('sip:a@h')"


def test_the_star_is_no_sip_uri():
    assert str(STAR) == "*"
    assert not STAR.is_sip


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # The equivalent pairs of §19.1.4.
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a:%70@h", "sip:a:p@h"),
        ("sip:a@h;x", "sip:a@h;X"),
        ("tel:123", "tel:123"),
    ],
)
def test_equivalent_uris(a, b):
    assert uris_match(Uri.parse(a), Uri.parse(b))
    assert uris_match(Uri.parse(b), Uri.parse(a))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # The different pairs of §19.1.4.
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@h", "sips:bob@h"),
        ("sip:a:x@h", "sip:a@h"),
        ("sip:a:x@h", "sip:a:y@h"),
        ("tel:123", "sip:123@h"),
        ("tel:123", "tel:124"),
    ],
)
def test_different_uris(a, b):
    assert not uris_match(Uri.parse(a), Uri.parse(b))
    assert not uris_match(Uri.parse(b), Uri.parse(a))


TEXT = st.text(min_size=1, max_size=12)


@given(
    user=st.none() | TEXT,
    host=st.from_regex(r"[a-z0-9][a-z0-9.\-]{0,20}", fullmatch=True) | st.ip_addresses(v=6).map(str),
    port=st.none() | st.integers(0, 65535),
    params=st.dictionaries(TEXT.filter(lambda name: name == name.lower()), st.none() | TEXT, max_size=4),
)
def test_a_built_uri_reads_back(user, host, port, params):
    """Whatever the user types, escaping keeps it inside its part."""
    uri = Uri(user=user, host=host, port=port, params=params)

    assert parts(Uri.parse(str(uri))) == parts(uri)


@given(st.text('sip:@;?=%[]<>.,a1 "', max_size=25))
def test_any_text_is_a_uri_or_a_parse_error(text):
    try:
        uri = Uri.parse("sip:" + text)
    except ParseError:
        return
    assert str(uri) == "sip:" + text


@pytest.mark.parametrize("text", ["sip.example.com:5070", "sip:sip.example.com:5070"])
def test_a_setting_names_a_host_or_a_uri(text):
    assert hop_uri(text) == Uri(host="sip.example.com", port=5070)
    assert hop_uri("SIP:sip.example.com").host == "sip.example.com"


@pytest.mark.parametrize(
    ("text", "is_sip", "is_sips"),
    [
        ("sip:a@b", True, False),
        ("SIPS:a@b", True, True),
        ("Sip:b", True, False),
        ("tel:+1", False, False),
        ("sipper", False, False),
        ("b.example:5060", False, False),
    ],
)
def test_a_scheme_is_known_in_any_case(text, is_sip, is_sips):
    """§19.1.4."""
    assert (has_sip_scheme(text), is_secure(text)) == (is_sip, is_sips)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("sip:bob@192.0.2.2:5070;ob", "sip:bob@192.0.2.2:5070;ob"),
        ("sip:bob@192.0.2.2;ob?Subject=hi&body=x", "sip:bob@192.0.2.2;ob"),
        ("sip:a?b@192.0.2.2", "sip:a?b@192.0.2.2"),
        ("sip:method@192.0.2.2", "sip:method@192.0.2.2"),
        ("sip:bob@192.0.2.2;Method=INVITE;transport=tcp", "sip:bob@192.0.2.2;transport=tcp"),
    ],
)
def test_what_a_request_uri_may_not_have_stays_away(text, sent):
    """§19.1.1 table 1."""
    assert as_request_uri(text) == sent


@pytest.mark.parametrize(
    ("uri", "is_so"),
    [
        ("sip:anonymous@anonymous.invalid", True),
        ("sip:x@nowhere.invalid", True),
        ("sip:Anonymous@192.0.2.1", True),
        ("sip:alice@invalid.org", False),
        ("tel:+3531", False),
    ],
)
def test_who_names_nobody(uri, is_so):
    """RFC 3323 §4.1.1.3."""
    assert Uri.parse(uri).is_anonymous is is_so
