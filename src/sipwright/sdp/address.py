"""Which addresses cannot be reached from the outside (RFC 1918, 6598, 3927, 4193, 4291)."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from sipwright.memo import Memo

__all__ = ["connection_text", "is_private"]

_LONGEST = 64  # an IPv6 address with a zone; what is longer is no address, and not worth a place in the cache

_PRIVATE_4 = tuple(
    IPv4Network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
)
_PRIVATE_6 = (IPv6Network("fe80::/10"), IPv6Network("fc00::/7"))


def is_private(address: str) -> bool:
    """Return whether an address means something only in its own network; False for anything else, names too."""
    return len(address) <= _LONGEST and _PRIVATE[address]


def _is_private(address: str) -> bool:
    try:
        ip = _unmapped(ip_address(address))
    except ValueError:
        return False
    networks: tuple[IPv4Network, ...] | tuple[IPv6Network, ...]
    networks = _PRIVATE_4 if isinstance(ip, IPv4Address) else _PRIVATE_6
    return any(ip in network for network in networks)


_PRIVATE = Memo(_is_private)


def connection_text(address: str) -> str:
    """Return an IP address as a connection line writes it, with its type: `IP4 192.0.2.1`.

    Raises:
        ValueError: It is not an IP address.
    """
    return _CONNECTIONS[address]


def _write_connection(address: str) -> str:
    ip = _unmapped(ip_address(address.partition("%")[0]))
    return f"IP{ip.version} {ip}"


def _unmapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside `::ffff:10.0.0.1`, which a socket for both families reports."""
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


_CONNECTIONS = Memo(_write_connection)
