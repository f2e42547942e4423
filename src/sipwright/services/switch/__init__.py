"""The switch: calls, from the INVITE to the CDR (a B2BUA that handles signalling only)."""

from .call import Call, CallState
from .destinations import MOST_LOOPS, Destinations, DialLeg
from .hunt import Hunt
from .leg import Leg
from .model.identity import Identity
from .model.outcome import ELSEWHERE, LegResult, Outcome, best, for_caller
from .router import Decision, Router
from .script import ScriptRun
from .script_runner import ScriptRunner
from .switch import Switch, SwitchSettings, SwitchSnapshot
from .unreachable import no_provider_or_host
from .watching import CallWatcher

__all__ = [
    "ELSEWHERE",
    "MOST_LOOPS",
    "Call",
    "CallState",
    "CallWatcher",
    "Decision",
    "Destinations",
    "DialLeg",
    "Hunt",
    "Identity",
    "Leg",
    "LegResult",
    "Outcome",
    "Router",
    "ScriptRun",
    "ScriptRunner",
    "Switch",
    "SwitchSettings",
    "SwitchSnapshot",
    "best",
    "for_caller",
    "no_provider_or_host",
]
