"""What drives real peers: the switch as a process of its own, sipp on any loopback address, and a bare UDP socket.

Everything here waits by asking again until a deadline; nothing sleeps for a length of time that somebody has guessed.
"""

from .baresip import Baresip
from .kamailio import Kamailio
from .namespaces import Namespaces
from .network import free_pair, free_port, is_listening, until
from .phone import Phone
from .roamer import Connected, Roamer
from .shared import SharedSwitch, new_database
from .sipp import ScenarioFailed, Sipp, Trace
from .switch import DOMAIN, HOST, PASSWORD, RunningSwitch

__all__ = [
    "DOMAIN",
    "HOST",
    "PASSWORD",
    "Baresip",
    "Connected",
    "Kamailio",
    "Namespaces",
    "Phone",
    "Roamer",
    "RunningSwitch",
    "ScenarioFailed",
    "SharedSwitch",
    "Sipp",
    "Trace",
    "free_pair",
    "free_port",
    "is_listening",
    "new_database",
    "until",
]
