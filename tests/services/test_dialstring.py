"""The dial string grammar: what it takes, what it says about the rest, and that nothing can slip in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.services.dialstring import (
    DialLeg,
    DialStringError,
    ToProvider,
    ToUri,
    ToUser,
    escape_user,
    expand,
    format_dial_string,
    parse_dial_string,
    substitute,
)
from sipwright.services.leg_options import LegOptions

VARIABLES = {
    "dst": "0035312345",
    "exten": "0035312345",
    "fromname": "Al & Bo",
    "fromuriuser": "",
    "fromaor": "a@b.c",
}


def one(text: str) -> DialLeg:
    groups = parse_dial_string(text)
    assert [len(group) for group in groups] == [1]
    return groups[0][0]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("blueface", ToProvider("blueface")),
        ("  blueface\n", ToProvider("blueface")),
        ("bob@local", ToUser("bob", "local")),
        ("00353@blueface", ToUser("00353", "blueface")),
        ("*21#@blueface", ToUser("*21#", "blueface")),
        ("bob@example.org:5070", ToUser("bob", "example.org", 5070)),
        ("bob@[2001:db8::1]", ToUser("bob", "2001:db8::1")),
        ("bob@[::1]:5070;transport=tcp", ToUser("bob", "::1", 5070, ";transport=tcp")),
        ("bob@10.0.0.1;user=phone", ToUser("bob", "10.0.0.1", None, ";user=phone")),
        ("${dst:2}@blueface", ToUser("${dst:2}", "blueface")),
        ("9${dst}7@${fromaor}", ToUser("9${dst}7", "${fromaor}")),
        ("sip:bob@example.org;transport=tcp", ToUri("sip:bob@example.org;transport=tcp")),
        ("SIPS:bob@[::1]:5061", ToUri("SIPS:bob@[::1]:5061")),
        ("sip:[::1]", ToUri("sip:[::1]")),
        ("tel:+35312345", ToUri("tel:+35312345")),
        ("<sip:bob@example.org?Subject=a&Priority=b>", ToUri("sip:bob@example.org?Subject=a&Priority=b")),
        ("josé@local", ToUser("josé", "local")),
    ],
)
def test_a_target_is_a_provider_a_user_somewhere_or_a_uri(text, target):
    assert one(text) == DialLeg(target)


def test_legs_ring_together_and_groups_one_after_the_other():
    groups = parse_dial_string("a@local&b@local | 123@blueface|blueface")

    assert groups == (
        (DialLeg(ToUser("a", "local")), DialLeg(ToUser("b", "local"))),
        (DialLeg(ToUser("123", "blueface")),),
        (DialLeg(ToProvider("blueface")),),
    )


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("[dt=5]", LegOptions(delay=5.0)),
        ("[delay = 2.5 , limit=3600]", LegOptions(delay=2.5, limit=3600.0)),
        ("[ma=false]", LegOptions(mangle=False)),
        ("[MANGLE=Yes]", LegOptions(mangle=True)),
        (
            '[header="X-A: 1, 2",dt=1,header="x-b:"]',
            LegOptions(delay=1.0, headers=(("X-A", "1, 2"), ("x-b", ""))),
        ),
        (
            '[fd="Smith, J\\"]\\\\",fu=100,fh=a.b]',
            LegOptions(from_name='Smith, J"]\\', from_user="100", from_host="a.b"),
        ),
        ("[fd=Monkey House]", LegOptions(from_name="Monkey House")),
        ("[fd=]", LegOptions(from_name="")),
        ("[fu=${dst:1}]", LegOptions(from_user="${dst:1}")),
        ("[cd=60,ma=on]", LegOptions(limit=60.0, mangle=True)),
        ("[tr=n]", LegOptions(transfer="refuse")),
        ("[tr=P,rm=m]", LegOptions(transfer="pass", redirect="return")),
        ("[transfer=refuse,redirect=rerun]", LegOptions(transfer="refuse", redirect="rerun")),
        ("[rm=n]", LegOptions(redirect="rerun")),
        ("[rm=a]", LegOptions(redirect="follow")),
    ],
)
def test_options_have_short_and_long_names(text, options):
    assert one(f"bob@local{text}") == DialLeg(ToUser("bob", "local"), options)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "expected a provider"),
        ("   ", 3, "expected a provider"),
        ("bob@local &", 11, "expected a provider"),
        ("bob@local & | x", 12, "expected a provider"),
        ("|bob@local", 0, "expected a provider"),
        ("bob@", 4, "behind @"),
        ("@local", 0, "expected a provider"),
        ("bob@local carol@local", 10, "expected & or |"),
        ("bob:secret@local", 3, "password"),
        ("bob@local,secret,x", 9, "expected & or |"),
        ("a/b", 0, "name of a provider"),
        ("bob@host:0", 8, "port"),
        ("bob@host:70000", 8, "port"),
        ("bob@host:123456", 8, "expected & or |"),
        ("bob@[127.0.0.1]", 4, "IPv6"),
        ("bob@[zz]", 4, "behind @"),
        ("bob@local[", 10, "expected an option"),
        ("bob@local[]", 10, "expected an option"),
        ("bob@local[rt=5]", 10, "unknown option 'rt'"),
        ("bob@local[dt]", 12, "expected ="),
        ("bob@local[dt=]", 13, "not a number of seconds"),
        ("bob@local[dt=x]", 13, "not a number of seconds"),
        ("bob@local[dt=121]", 13, "up to 120"),
        ("bob@local[dt=-1]", 13, "not a number of seconds"),
        ("bob@local[ma=maybe]", 13, "true or false"),
        ("bob@local[dt=1,delay=2]", 15, "given twice"),
        ("bob@local[header=x]", 17, "'x' is not a header such as"),
        ('bob@local[header="Via: x"]', 17, "the header Via is written by the switch"),
        ('bob@local[header="X Y: x"]', 17, "'X Y' is not the name of a header"),
        ("bob@local[" + 33 * "header=X:," + "ma=no]", 330, "more than 32 headers"),
        ("bob@local[dt=1", 14, "expected , or ]"),
        ('bob@local[fd="x]', 13, "expected , or ]"),
        ("bob@local[fd=a]b]", 15, "expected & or |"),
        ("bob@local[dt=1][ma=true]", 15, "expected & or |"),
        ("bob@${nope", 5, "expected & or |"),
        ("bob\x00@local", 3, "control character"),
        ("bob@local\udce9", 9, "control character"),
        ("<bob@local>", 0, "expected a provider"),
        ("<sip:bob@local", 0, "expected a provider"),
        ("sip:", 4, "rest of the address"),
        ("x" * 4097, 4096, "more than 4096"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, position, message):
    with pytest.raises(DialStringError) as error:
        parse_dial_string(text)

    assert (error.value.position, message in error.value.message) == (position, True), str(error.value)


def test_a_key_inside_a_value_is_no_option():
    assert one('bob@local[fd="x,ma=false"]').options == LegOptions(from_name="x,ma=false")


names = st.text("abcxyzABC019_.+*#-é", min_size=1, max_size=12)
pieces = st.one_of(names, st.sampled_from(["${dst}", "${dst:2}", "${FromAOR}"]))
users = st.lists(pieces, min_size=1, max_size=3).map("".join)
hosts = st.one_of(st.sampled_from(["local", "example.org", "10.0.0.1", "${dst}"]), names)
ports = st.none() | st.integers(1, 65_535)
targets = st.one_of(
    hosts.map(ToProvider),
    st.builds(ToUser, users, hosts, ports, st.sampled_from(["", ";transport=tcp", ";a;b=c"])),
    st.builds(ToUser, users, st.sampled_from(["::1", "2001:db8::1"]), ports),
    st.sampled_from(["sip:a@b", "sips:a@[::1]:5061;lr", "tel:+1;x=y", "sip:a@b?c=d&e=[|"]).map(ToUri),
)
seconds = st.integers(0, 120_000).map(lambda milliseconds: milliseconds / 1000)
texts = st.none() | st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
values = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=20).map(str.strip)
options = st.builds(
    LegOptions,
    delay=st.none() | seconds,
    limit=st.none() | seconds,
    mangle=st.none() | st.booleans(),
    transfer=st.sampled_from([None, "refuse", "pass"]),
    redirect=st.sampled_from([None, "follow", "return", "rerun"]),
    from_name=texts,
    from_user=texts,
    from_host=texts,
    headers=st.lists(st.tuples(st.from_regex(r"[Xx]-[a-zA-Z]{1,8}", fullmatch=True), values), max_size=3).map(
        tuple
    ),
)
legs = st.builds(DialLeg, targets, options)
groups = st.lists(st.lists(legs, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple)


@given(groups)
def test_what_is_written_reads_back_the_same(groups):
    """parse(str(x)) == x."""
    assert parse_dial_string(format_dial_string(groups)) == groups


@given(st.text("ab@&|[]<>=,;:\"'\\ ${}.1dstma\x00é", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text):
    try:
        groups = parse_dial_string(text)
    except DialStringError as error:
        place = error.position
    else:
        place = 0
        assert parse_dial_string(format_dial_string(groups)) == groups

    assert 0 <= place <= len(text)


def test_long_nonsense_is_not_slow():
    """Every alternative of every pattern begins differently, so nothing is tried twice."""
    for text in ("${" * 2000, "a" * 4000 + "\\", "sip:" + "[" * 4000, "a@b;" + ";=" * 2000, '"' * 4000):
        with pytest.raises(DialStringError):
            parse_dial_string(text + "\x01")
        with pytest.raises(DialStringError):
            parse_dial_string(text[:4090] + " &")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("${dst}", "0035312345"),
        ("${DST:2}1", "353123451"),
        ("${dst:1}123${dst:2}", "035312345123353123" + "45"),
        ("${exten:99}", ""),
        ("${fromName}", "Al & Bo"),
    ],
)
def test_variables_are_replaced_in_any_case(text, result):
    assert substitute(text, VARIABLES) == result


def test_an_unknown_variable_is_refused():
    with pytest.raises(DialStringError, match="unknown variable"):
        substitute("${nobody}", VARIABLES)


def test_variables_are_put_in_after_parsing_so_they_add_no_legs():
    """A caller named `x&900@blueface` must not make the script ring a premium number."""
    variables = VARIABLES | {"dst": "x&900@blueface|y[ma=false]"}

    expanded = expand(parse_dial_string("${dst}@local[fd=${dst}]"), variables)

    assert expanded == (
        (
            DialLeg(
                ToUser("x%26900%40blueface%7Cy%5Bma=false%5D", "local"),
                LegOptions(from_name="x&900@blueface|y[ma=false]"),
            ),
        ),
    )
    assert parse_dial_string(format_dial_string(expanded)) == expanded


def test_every_part_is_expanded():
    expanded = expand(
        parse_dial_string(
            "${fromname}@h${dst:7};x=${dst:8}[fu=${dst:8},fh=h] | p${dst:8} | <sip:${dst:8}@x> | a@[::1]"
        ),
        VARIABLES,
    )

    assert expanded == (
        (DialLeg(ToUser("Al%20%26%20Bo", "h345", None, ";x=45"), LegOptions(from_user="45", from_host="h")),),
        (DialLeg(ToProvider("p45")),),
        (DialLeg(ToUri("sip:45@x")),),
        (DialLeg(ToUser("a", "::1")),),
    )


@pytest.mark.parametrize("text", ["${fromuriuser}@local", "x@${fromaor}", "${fromaor}"])
def test_a_variable_may_not_make_a_target_absurd(text):
    with pytest.raises(DialStringError, match=r"cannot be|empty"):
        expand(parse_dial_string(text), VARIABLES)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("bob", "bob"),
        ("*21#", "*21%23"),
        ("a%20b", "a%20b"),
        ("100%", "100%25"),
        ("josé", "jos%C3%A9"),
        ("a;b?c/d", "a;b?c/d"),
        ("a@b&c", "a%40b%26c"),
    ],
)
def test_a_user_part_is_escaped_for_a_uri(text, escaped):
    assert escape_user(text) == escaped
