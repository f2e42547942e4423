"""The SSH console: what happens in the switch as it happens, and a prompt, for whoever logs in with ``ssh``.

``host_key.py`` keeps the key that the server is known by, ``admission.py`` decides who may connect before anything is
computed for them and ``listener.py`` holds them to it, ``gate.py`` lets people log in, ``connection.py`` is what is
spoken with one of them, and ``session.py`` runs the command that they came with or the prompt of ``prompt.py``, which
has a line editor (``keys.py``, ``line_editor.py``) below the events of ``event_feed.py``. ``commands/`` has the table
of what can be typed.

It runs in the process of the faces, never in that of the switch. asyncssh is loaded when the console starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.console.listener import Console
    from sipwright.usecases import UseCases

__all__ = ["start"]


async def start(usecases: UseCases, settings: Settings) -> Console:
    """Listen where ``[ssh] listen`` says.

    Raises:
        OSError: Somebody else listens there.
    """
    from sipwright.console.listener import Console

    console = Console(usecases, settings)
    await console.start()
    return console
