"""STUN as values: messages, what a Binding server answers, and how a client finds out what a NAT does.

RFC 8489, with the classic STUN of RFC 3489, and NAT behaviour discovery by RFC 5780. No sockets, no clocks.
"""

from .binding_server import Answer, Asked, answer_binding, name_in
from .message import Attribute, Kind, StunError, StunMessage, parse_stun, write_stun
from .nat_check import NatBehaviour, Probe, check_nat, read_reply, write_probe

__all__ = [
    "Answer",
    "Asked",
    "Attribute",
    "Kind",
    "NatBehaviour",
    "Probe",
    "StunError",
    "StunMessage",
    "answer_binding",
    "check_nat",
    "name_in",
    "parse_stun",
    "read_reply",
    "write_probe",
    "write_stun",
]
