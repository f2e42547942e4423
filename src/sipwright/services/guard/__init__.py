"""Who may come, and what a call may cost: suspicion and bans, and the limits on calls that leave."""

from sipwright.services.guard.scanners import program_of_scanner, scanner_of
from sipwright.services.guard.suspicion import Deed, Suspicions

__all__ = ["Deed", "Suspicions", "program_of_scanner", "scanner_of"]
