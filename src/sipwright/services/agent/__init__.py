"""The registration agent: keeps our own REGISTER alive at the providers that want one (RFC 3261 §10.2)."""

from .agent import Agent, AgentSnapshot
from .provider import Provider
from .records import Providers, Records, StoredRegistration, Writer
from .registration import Registration, State

__all__ = [
    "Agent",
    "AgentSnapshot",
    "Provider",
    "Providers",
    "Records",
    "Registration",
    "State",
    "StoredRegistration",
    "Writer",
]
