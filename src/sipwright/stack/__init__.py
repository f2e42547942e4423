"""The core brought to life: messages from sockets to handlers, requests to their targets, one clock."""

from sipwright.stack.addresses import Addresses
from sipwright.stack.client import Exchange
from sipwright.stack.credentials import Credentials, learn_challenge, sign_request
from sipwright.stack.held_timers import HeldTimers
from sipwright.stack.ping import ping
from sipwright.stack.pipeline import Incoming, Pipeline, Step
from sipwright.stack.receiver import BRIEF, BriefUser, OnAck, OnStrayResponse
from sipwright.stack.reconnecting_flow import ReconnectingFlow
from sipwright.stack.stack import SECURE, Stack, StackSnapshot
from sipwright.stack.timer_heap import CallLater, TimerHandle, TimerHeap, Wakeup
from sipwright.stack.tokens import MarkedTokens, RandomTokens, TimedTokens, boot_in
from sipwright.stack.udp_fallback import LARGEST_OVER_UDP

__all__ = [
    "BRIEF",
    "LARGEST_OVER_UDP",
    "SECURE",
    "Addresses",
    "BriefUser",
    "CallLater",
    "Credentials",
    "Exchange",
    "HeldTimers",
    "Incoming",
    "MarkedTokens",
    "OnAck",
    "OnStrayResponse",
    "Pipeline",
    "RandomTokens",
    "ReconnectingFlow",
    "Stack",
    "StackSnapshot",
    "Step",
    "TimedTokens",
    "TimerHandle",
    "TimerHeap",
    "Wakeup",
    "boot_in",
    "learn_challenge",
    "ping",
    "sign_request",
]
