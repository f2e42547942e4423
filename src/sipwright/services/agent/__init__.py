"""The registration agent: keeps our own REGISTER alive at the providers that want one (RFC 3261 §10.2)."""

from .agent import Agent, AgentSnapshot
from .held import State
from .ports import Providers, Records, StoredRegistration
from .registration import Registration

__all__ = [
    "Agent",
    "AgentSnapshot",
    "Providers",
    "Records",
    "Registration",
    "State",
    "StoredRegistration",
]
