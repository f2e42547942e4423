"""Testing dialplans without a phone: scripts run against pretended outcomes on a virtual clock.

``stage.py`` runs one script for one call, in the sandbox and with the journal of a running switch; ``behaviour.py``
has the words for what phones and providers do. On top of these are `sipwright dialplan try`, the pytest plugin
(``plugin.py``) and `sipwright dialplan replay` (``replay.py``).
"""
