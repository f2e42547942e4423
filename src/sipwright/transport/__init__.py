"""Sockets: everything that touches a file descriptor, and the in-memory network that stands in for it."""

from sipwright.transport.base import OnFlowClosed, OnFramingError, OnMessage, Transport
from sipwright.transport.flow import Address, Flow, FlowKey, format_address, parse_address, parse_flow_key
from sipwright.transport.memory import MemoryFlow, MemoryNetwork, MemoryTransport
from sipwright.transport.resolver import ResolveError, Resolver, Target
from sipwright.transport.route import Routes, is_ip_address
from sipwright.transport.tap import Tap
from sipwright.transport.tcp import TcpTransport
from sipwright.transport.tcp_connection import TcpFlow
from sipwright.transport.tcp_limits import TcpLimits
from sipwright.transport.udp import UdpTransport
from sipwright.transport.udp_socket import UdpFlow

__all__ = [
    "Address",
    "Flow",
    "FlowKey",
    "MemoryFlow",
    "MemoryNetwork",
    "MemoryTransport",
    "OnFlowClosed",
    "OnFramingError",
    "OnMessage",
    "ResolveError",
    "Resolver",
    "Routes",
    "Tap",
    "Target",
    "TcpFlow",
    "TcpLimits",
    "TcpTransport",
    "Transport",
    "UdpFlow",
    "UdpTransport",
    "format_address",
    "is_ip_address",
    "parse_address",
    "parse_flow_key",
]
