"""The test call: two simulated phones, the call that they make through a running switch, and what is checked of it.

A step that does not come about is an `Unfinished`, and what was hoped for stands in it.
"""

from .ladder import Hop, Ladder
from .phone import Phone
from .place import Place, find_place
from .rehearsal import rehearse
from .report import Check, Report

__all__ = ["Check", "Hop", "Ladder", "Phone", "Place", "Report", "find_place", "rehearse"]
