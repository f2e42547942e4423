import socket

import pytest

from sipwright.transport.udp_socket import address_of, socket_address


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        (("127.0.0.1", 1), ("127.0.0.1", 1)),
        (("::1", 1), ("::1", 1, 0, 0)),
        (("fe80::1%7", 1), ("fe80::1", 1, 0, 7)),
        (("fe80::1%lo", 1), ("fe80::1", 1, 0, socket.if_nametoindex("lo"))),
    ],
)
def test_the_scope_of_a_link_local_peer_is_kept(address, peer):
    assert socket_address(address) == peer
    if "%lo" not in address[0]:
        assert address_of(peer) == address
