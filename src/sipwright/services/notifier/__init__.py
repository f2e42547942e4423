"""The notifier: who wants to know what becomes of an account, and how they are told (RFC 6665)."""

from .dialog_info import DialogInfo, DialogState
from .message_summary import MessageSummary, Summary
from .notifier import Notifier, NotifierSnapshot
from .ports import NotifierPorts
from .rights import USUAL, Rights, rights_of

__all__ = [
    "USUAL",
    "DialogInfo",
    "DialogState",
    "MessageSummary",
    "Notifier",
    "NotifierPorts",
    "NotifierSnapshot",
    "Rights",
    "Summary",
    "rights_of",
]
