"""The notifier: who wants to know what becomes of an account, and how they are told (RFC 6665)."""

from .dialog_info import DialogInfo, DialogState
from .message_summary import MessageSummary, Summary
from .notifier import Notifier, NotifierSnapshot
from .ports import Name, NotifierPorts
from .presence import Presence
from .publisher import Publisher
from .reg_info import Contact, RegInfo
from .rights import USUAL, Rights, rights_of

__all__ = [
    "USUAL",
    "Contact",
    "DialogInfo",
    "DialogState",
    "MessageSummary",
    "Name",
    "Notifier",
    "NotifierPorts",
    "NotifierSnapshot",
    "Presence",
    "Publisher",
    "RegInfo",
    "Rights",
    "Summary",
    "rights_of",
]
