"""Tokens of flows: read again, at every node that shares the secret, and made by nobody else."""

import pytest

from sipwright.sip import Uri
from sipwright.transport.flow_token import LONGEST, FlowToken, FlowTokens

KEY = "udp/192.0.2.1:5060/198.51.100.7:40112"
TOKENS = FlowTokens(b"secret")


@pytest.mark.parametrize("key", [KEY, "tcp/[2001:db8::1]:5060/[2001:db8::2]:40112", ""])
@pytest.mark.parametrize("node", ["", "node-1"])
def test_a_token_says_what_was_written(key, node):
    assert FlowTokens(b"secret").read(TOKENS.write(key, node)) == FlowToken(key, node)


def test_a_token_is_the_user_part_of_a_uri():
    uri = Uri.parse(f"sip:{TOKENS.write(KEY)}@192.0.2.1;lr")

    assert TOKENS.read(uri.user) == FlowToken(KEY)
    assert uri.raw_user == uri.user


@pytest.mark.parametrize(
    "token",
    ["", "a", "abc=", "ü", "%00", "A" * 100, TOKENS.write(KEY)[:-2], "A" + TOKENS.write(KEY)[1:],
     TOKENS.write(KEY) + "AAAA", FlowTokens(b"other").write(KEY), "A" * (LONGEST + 1)],
)  # fmt: skip
def test_what_we_have_not_written_says_nothing(token):
    assert TOKENS.read(token) is None
