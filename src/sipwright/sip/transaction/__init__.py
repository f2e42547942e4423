"""Transactions: four machines, one driver and the table of live ones (RFC 3261 §17, RFC 6026, RFC 4320)."""

from sipwright.sip.transaction.base import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    CONFIRMED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    Flow,
    Transaction,
)
from sipwright.sip.transaction.client_brief import BriefClients, BriefClientUser
from sipwright.sip.transaction.client_invite import ClientInvite
from sipwright.sip.transaction.client_non_invite import ClientNonInvite
from sipwright.sip.transaction.layer import LayerSnapshot, TransactionLayer
from sipwright.sip.transaction.reliable import ReliableResponse
from sipwright.sip.transaction.server_invite import ServerInvite
from sipwright.sip.transaction.server_non_invite import ServerNonInvite
from sipwright.sip.transaction.sides import ClientTransaction, ClientUser, ServerTransaction, ServerUser
from sipwright.sip.transaction.timers import Timer, TimerQueue, TimerValues

__all__ = [
    "ACCEPTED",
    "CALLING",
    "COMPLETED",
    "CONFIRMED",
    "PROCEEDING",
    "TERMINATED",
    "TRYING",
    "BriefClientUser",
    "BriefClients",
    "ClientInvite",
    "ClientNonInvite",
    "ClientTransaction",
    "ClientUser",
    "Flow",
    "LayerSnapshot",
    "ReliableResponse",
    "ServerInvite",
    "ServerNonInvite",
    "ServerTransaction",
    "ServerUser",
    "Timer",
    "TimerQueue",
    "TimerValues",
    "Transaction",
    "TransactionLayer",
]
