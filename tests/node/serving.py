"""A directory with one domain, and a stack that listens on one address."""

from types import SimpleNamespace


class Stack:
    """Listens on 10.0.0.1:5060."""

    addresses = SimpleNamespace(
        bound=set(),
        is_own_host=lambda host: host == "10.0.0.1",
        is_own=lambda host, port: (host, port) == ("10.0.0.1", 5060),
    )


def directory(**more):
    default = SimpleNamespace(name="example.org", digest_algorithm="SHA-256")
    known = {"domains": {"example.org": default}, "default_domain": default, "is_complete": True}
    return SimpleNamespace(**known | {"account": lambda user, domain: None} | more)
