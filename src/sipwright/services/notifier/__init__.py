"""The notifier: who wants to know what becomes of an account, and how they are told (RFC 6665)."""

from .dialog_info import DialogInfo, DialogState
from .notifier import Notifier, NotifierPorts, NotifierSnapshot
from .rights import USUAL, Rights, rights_of

__all__ = [
    "USUAL",
    "DialogInfo",
    "DialogState",
    "Notifier",
    "NotifierPorts",
    "NotifierSnapshot",
    "Rights",
    "rights_of",
]
