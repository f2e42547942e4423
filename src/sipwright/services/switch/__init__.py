"""The switch: calls, from the INVITE to the CDR (a B2BUA that handles signalling only)."""

from .call.call import Call
from .call.callee import Callee
from .call.leg import Leg
from .call.observer import CallObserver
from .call.ports import CallWatch
from .call.script_port import ScriptRun
from .call.script_runner import ScriptRunner
from .dialling.admission import Share, refuse_unknown
from .dialling.dead_servers import DeadServers, Outage
from .dialling.destinations import LOOP_FLOW, MOST_LOOPS, Destinations
from .dialling.hunt import Hunt
from .dialling.origins import Origins
from .dialling.router import Decision, Router
from .dialling.senders import DialledNumbers, domain_of_number, named_beside
from .dialling.service_routes import ServiceRoutes
from .dialling.unreachable import no_provider_or_host
from .model.call_state import CallEvent, CallState
from .model.caller_headers import verification_of
from .model.destination import Destination
from .model.identity import Identity
from .model.leg_state import LegState
from .model.outcome import ELSEWHERE, LegResult, Outcome, best, for_caller
from .steering import NotNow, Steering
from .switch import Switch, SwitchSettings, SwitchSnapshot
from .text_identity import TextIdentities

__all__ = [
    "ELSEWHERE",
    "LOOP_FLOW",
    "MOST_LOOPS",
    "Call",
    "CallEvent",
    "CallObserver",
    "CallState",
    "CallWatch",
    "Callee",
    "DeadServers",
    "Decision",
    "Destination",
    "Destinations",
    "DialledNumbers",
    "Hunt",
    "Identity",
    "Leg",
    "LegResult",
    "LegState",
    "NotNow",
    "Origins",
    "Outage",
    "Outcome",
    "Router",
    "ScriptRun",
    "ScriptRunner",
    "ServiceRoutes",
    "Share",
    "Steering",
    "Switch",
    "SwitchSettings",
    "SwitchSnapshot",
    "TextIdentities",
    "best",
    "domain_of_number",
    "for_caller",
    "named_beside",
    "no_provider_or_host",
    "refuse_unknown",
    "verification_of",
]
