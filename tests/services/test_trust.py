from types import SimpleNamespace

import pytest

from sipwright.services.trust import trust_in, trust_of
from sipwright.sip.uri import Uri
from sipwright.transport.flow import Trust


def provider(server, proxy=None, verify=None, shown=(None, None)):
    return SimpleNamespace(
        server=server, outbound_proxy=proxy, tls_verify=verify, certificate=shown[0], certificate_key=shown[1]
    )


@pytest.mark.parametrize(
    ("server", "proxy", "uri", "domain"),
    [
        ("sip.example.net;transport=tls", None, "sip:1@sip.example.net;transport=tls", "sip.example.net"),
        ("example.net", "sips:edge.example.net", "sips:edge.example.net;lr", "edge.example.net"),
        ("sip.example.net;transport=tls", None, "sip:192.0.2.9:5061;transport=tls", "sip.example.net"),
        ("example.net", "edge.example.net;transport=tls", "sip:192.0.2.9;transport=tls", "edge.example.net"),
        ("192.0.2.9;transport=tls", None, "sip:192.0.2.10;transport=tls", "192.0.2.9"),
        ("not a host", None, "sip:192.0.2.9;transport=tls", "192.0.2.9"),
    ],
)
def test_the_domain_of_the_settings_has_to_be_there(server, proxy, uri, domain):
    """Servers name themselves by their addresses inside of a dialog, which no certificate is for."""
    assert trust_of(provider(server, proxy), Uri.parse(uri)) == Trust(domain, "on")


def test_the_exception_of_a_provider_is_its_own():
    assert trust_of(provider("a.example", verify="off"), Uri.parse("sips:a.example")) == Trust(
        "a.example", "off"
    )


def test_who_is_no_provider_is_looked_at_by_the_uri():
    accounts = SimpleNamespace(provider=lambda user_id, name: None)

    assert trust_in(accounts, None, Uri.parse("sips:a.example")) is None
    assert trust_in(accounts, (1, "gone"), Uri.parse("sips:a.example")) is None


@pytest.mark.parametrize(
    ("shown", "files"), [(("/c", "/k"), ("/c", "/k")), (("/c", None), ("/c", "/c")), ((None, "/k"), None)]
)
def test_a_certificate_of_its_own_is_shown_to_it(shown, files):
    uri = Uri.parse("sips:a.example")

    assert trust_of(provider("a.example", shown=shown), uri) == Trust("a.example", "on", files)
