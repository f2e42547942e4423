"""A running switch: where everything is wired together, and where scripts meet calls.

``wiring.py`` makes the parts and joins them, ``node.py`` begins and ends them, ``call_hosts.py`` and
``script_effects.py`` do what dialplans ask for, ``directory_views.py`` says which names are ours and what limits people
have set, and fetches accounts that are not in memory.
"""

from __future__ import annotations

__all__: list[str] = []
