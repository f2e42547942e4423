"""What the DNS has to say of domains and nodes, and what is said about what it does say."""

import pytest

from sipwright.cluster.zone import Doors, compared, kept_long, questions, records_of, zone_lines

NORTH = Doors("north", ("203.0.113.10",), {"udp": (5060,), "tcp": (5060,), "tls": (5061,)})
SOUTH = Doors("sip2.example.net", ("203.0.113.20", "2001:db8::20"), {"udp": (5070,)}, 20, 0)


def test_records_are_made_of_what_the_nodes_say():
    assert records_of("example.org", [SOUTH, NORTH]) == [
        ("example.org", "NAPTR", '10 50 "s" "SIPS+D2T" "" _sips._tcp.example.org.'),
        ("example.org", "NAPTR", '20 50 "s" "SIP+D2T" "" _sip._tcp.example.org.'),
        ("example.org", "NAPTR", '30 50 "s" "SIP+D2U" "" _sip._udp.example.org.'),
        ("_sips._tcp.example.org", "SRV", "10 50 5061 north.example.org."),
        ("_sip._tcp.example.org", "SRV", "10 50 5060 north.example.org."),
        ("_sip._udp.example.org", "SRV", "10 50 5060 north.example.org."),
        ("_sip._udp.example.org", "SRV", "20 0 5070 sip2.example.net."),
        ("north.example.org", "A", "203.0.113.10"),
        ("sip2.example.net", "A", "203.0.113.20"),
        ("sip2.example.net", "AAAA", "2001:db8::20"),
    ]


def test_a_zone_file_has_them_line_by_line():
    assert zone_lines(records_of("example.org", [SOUTH]))[:2] == [
        'example.org.           300 IN NAPTR 30 50 "s" "SIP+D2U" "" _sip._udp.example.org.',
        "_sip._udp.example.org. 300 IN SRV   20 0 5070 sip2.example.net.",
    ]


def test_processes_with_the_same_doors_are_one():
    """Two workers of one machine."""
    one, two = (Doors(f"north-{n}", ("203.0.113.10",), {"udp": (5060,)}) for n in (1, 2))

    assert [record.name for record in records_of("example.org", [two, one])] == [
        "example.org", "_sip._udp.example.org", "north-1.example.org",
    ]  # fmt: skip


def test_what_a_node_says_comes_back_as_it_was():
    assert Doors.read(SOUTH.written()) == SOUTH


def answers(records, **changed):
    """Return what the DNS says that has exactly these records, but for those that a test changes."""
    found = {question: [] for question in questions("example.org", records)}
    for record in records:
        found[record.name, record.type].append(record.data)
    for question, texts in changed.pop("instead", {}).items():
        found[question] = texts
    return found


def problems(instead, nodes=(NORTH, SOUTH)):
    records = records_of("example.org", nodes)
    return [(one.kind, one.text) for one in compared(records, answers(records, instead=instead))]


def test_all_is_well():
    assert problems({}) == []


def test_names_and_numbers_are_compared_as_the_dns_has_them():
    """Letters of any case, addresses in any form, NAPTR records in an order of one's own."""
    same = {
        ("_sip._tcp.example.org", "SRV"): ["10 50 5060 North.Example.ORG."],
        ("sip2.example.net", "AAAA"): ["2001:db8:0:0::20"],
        ("example.org", "NAPTR"): [
            f'{n} 1 "S" "{service}" "" {name}.example.org.'
            for n, (service, name) in enumerate(
                [("SIP+D2U", "_sip._udp"), ("SIP+D2T", "_sip._tcp"), ("SIPS+D2T", "_sips._tcp")]
            )
        ],
    }

    assert problems(same) == []


@pytest.mark.parametrize(
    ("question", "there", "said"),
    [
        (("example.org", "NAPTR"), ['20 50 "s" "SIP+D2T" "" _sip._tcp.example.org.',
                                    '30 50 "s" "SIP+D2U" "" _sip._udp.example.org.'],
         [("missing", "example.org does not say that it takes TLS")]),
        (("_sips._tcp.example.org", "SRV"), [],
         [("missing", "_sips._tcp.example.org does not lead to north.example.org: port 5061, priority 10, weight 50")]),
        (("_sips._tcp.example.org", "SRV"), ["10 50 5071 north.example.org."],
         [("wrong", "_sips._tcp.example.org leads to north.example.org with port 5071, priority 10, weight 50; "
                    "it has to be port 5061, priority 10, weight 50")]),
        (("_sips._tcp.example.org", "SRV"), ["10 50 5061 north.example.org.", "10 50 5061 old.example.org."],
         [("extra", "_sips._tcp.example.org leads to old.example.org, port 5061, priority 10, weight 50, "
                    "where no node is")]),
        (("north.example.org", "A"), ["192.0.2.9"],
         [("wrong", "north.example.org does not lead to 203.0.113.10; it leads to 192.0.2.9")]),
        (("north.example.org", "A"), [], [("missing", "north.example.org does not lead to 203.0.113.10")]),
        (("north.example.org", "A"), ["203.0.113.10", "192.0.2.9"],
         [("extra", "north.example.org leads to 192.0.2.9, where that node does not listen")]),
        (("north.example.org", "AAAA"), ["2001:db8::99"],
         [("extra", "north.example.org leads to 2001:db8::99, where that node does not listen")]),
        (("north.example.org", "CNAME"), ["host7.example.net."],
         [("wrong", "north.example.org is an alias, of host7.example.net; a name in an SRV record needs addresses of "
                    "its own (RFC 2782)")]),
        (("_sip._udp.example.org", "SRV"), ["10 0 5060 north.example.org.", "20 0 5070 sip2.example.net."],
         [("wrong", "_sip._udp.example.org leads to north.example.org with port 5060, priority 10, weight 0; "
                    "it has to be port 5060, priority 10, weight 50")]),
        (("example.org", "NAPTR"), ['10 50 "s" "SIPS+D2T" "" _sips._tcp.example.org.',
                                    '20 50 "a" "SIP+D2T" "" north.example.org.',
                                    '30 50 "s" "SIP+D2U" "" _sip._udp.example.org.'],
         [("missing", "example.org does not say that it takes TCP"),
          ("extra", "example.org leads phones to north.example.org for SIP+D2T, where no node is")]),
        (("north.example.org", "A"), "timeout",
         [("unknown", "nobody says whether north.example.org has A records: timeout")]),
    ],
)  # fmt: skip
def test_what_is_not_as_it_has_to_be_is_said_in_words(question, there, said):
    assert problems({question: there}) == said


def test_a_transport_that_no_node_takes_any_more_is_extra():
    """TLS was given up, and its records were left."""
    records = records_of("example.org", [NORTH, SOUTH])
    plain = Doors("north", NORTH.addresses, {"udp": (5060,), "tcp": (5060,)})
    found = compared(records_of("example.org", [plain, SOUTH]), answers(records))

    assert [(one.kind, one.record.name, one.record.type) for one in found] == [
        ("extra", "example.org", "NAPTR"), ("extra", "_sips._tcp.example.org", "SRV"),
    ]  # fmt: skip


def test_what_is_for_others_than_sip_is_none_of_ours():
    records = records_of("example.org", [NORTH, SOUTH])
    there = answers(records)
    there["example.org", "NAPTR"] += [
        '10 10 "u" "E2U+email" "!^.*$!mailto:a@b!" .',
        '1 1 "s" "SIP+D2W" "" _ws.x.',
    ]

    assert compared(records, there) == []


def test_a_node_with_an_ipv6_address_alone_has_no_other():
    six = Doors("six", ("2001:db8::6",), {"udp": (5060,)})
    records = records_of("example.org", [six])

    assert [one[1:] for one in records if one.name == "six.example.org"] == [("AAAA", "2001:db8::6")]
    assert problems({}, [six]) == []
    assert problems({("six.example.org", "A"): ["192.0.2.6"]}, [six]) == [
        ("extra", "six.example.org leads to 192.0.2.6, where that node does not listen")
    ]


def test_what_is_kept_for_more_than_an_hour_is_slow():
    seconds = {("north.example.org", "A"): 86_400.0, ("south.example.org", "A"): 3_600.0}

    assert [(one.kind, one.text) for one in kept_long(seconds)] == [
        ("slow",
         "north.example.org is asked for its A records once in 86400 s; 300 lets phones find another node sooner")
    ]  # fmt: skip
