"""The screen of a terminal: output that scrolls, and below it the line that is being typed.

Everything is one write: the line is taken away, the output stands where it was, and the line follows below it.
A terminal that is ``dumb`` is sent no sequences; then the line is written over with spaces.
"""

from __future__ import annotations

from sipwright.console.line_editor import LineEditor
from sipwright.printable import cells

__all__ = ["Screen"]

_USUAL_WIDTH = 80
_GREEN, _PLAIN = "\x1b[1;32m", "\x1b[0m"


class Screen:
    """Draws an editor's line, and what stands above it; every method returns what the terminal is to be sent."""

    def __init__(self, editor: LineEditor, *, is_dumb: bool, has_colours: bool, width: int = 0) -> None:
        self._editor = editor
        self._is_dumb = is_dumb
        self._has_colours = has_colours
        self._drawn = 0  # cells of the line that is on the screen
        self.prompt = "> "
        self.width = _USUAL_WIDTH
        self.resize(width)

    def resize(self, width: int) -> None:
        """Take note of the width of the terminal; 0 means that it is not known."""
        self.width = min(max(width, 20), 1_000) if width else _USUAL_WIDTH

    def draw(self) -> str:
        """Draw the line anew, as after a key."""
        return self._hidden() + self._line()

    def above(self, text: str) -> str:
        """Print whole lines above the line."""
        return self._hidden() + text.replace("\n", "\r\n") + self._line()

    def leave_line(self, text: str, mark: str = "") -> str:
        """Let a line stay where it is, such as one that was entered, and begin the next below it."""
        hidden = self._hidden()
        return f"{hidden}{self._coloured(self.prompt)}{text}{mark}\r\n{self._line()}"

    def cleared(self) -> str:
        """Clear the screen but for the line."""
        if self._is_dumb:
            return "\r\n" + self._line()
        return "\x1b[H\x1b[2J" + self._line()

    def end(self) -> str:
        """Take the line away."""
        return self._hidden()

    def _hidden(self) -> str:
        drawn, self._drawn = self._drawn, 0
        if not drawn:
            return ""
        return "\r" + " " * drawn + "\r" if self._is_dumb else "\r\x1b[J"

    def _line(self) -> str:
        prompt = self.prompt if self.width >= 40 else "> "
        room = self.width - len(prompt)
        shown, cursor = self._editor.shown(room)
        length = cells(shown)
        self._drawn = len(prompt) + length
        back = length - cursor
        if self._is_dumb:
            return prompt + shown + "\b" * back
        return self._coloured(prompt) + shown + (f"\x1b[{back}D" if back else "")

    def _coloured(self, prompt: str) -> str:
        return f"{_GREEN}{prompt}{_PLAIN}" if self._has_colours else prompt
