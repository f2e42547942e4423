"""What a word that is being typed may become."""

from __future__ import annotations

from sipwright.console.commands.command import Completion, Where
from sipwright.console.commands.table import COMMANDS
from sipwright.control.events import TYPES
from sipwright.control.filter import JOINS, WORDS
from sipwright.usecases import Actor, UseCases
from sipwright.usecases.cdrs import CdrFilter
from sipwright.usecases.page import everything

__all__ = ["known_options", "options_for"]

_MOST = 200


def known_options(words: list[str], start: str) -> list[str] | None:
    """Return what fits behind the words that stand there already; None where it has to be looked up."""
    names = [command.name for command in COMMANDS.values() if command.where is not Where.SSH]
    if not words:
        return names
    command = COMMANDS.get(words[0])
    if command is None:
        return []
    if start.startswith("-"):
        return [option for option in command.options() if option not in words]
    match command.completion:
        case Completion.COMMAND:
            return names
        case Completion.FILTER:
            return [*WORDS, *JOINS, *TYPES]
        case Completion.NOTHING:
            return []
    return None


async def options_for(usecases: UseCases, actor: Actor, words: list[str]) -> list[str]:
    """Look up what fits behind the words that stand there already: ids of calls that the actor may see."""
    found = await _live(usecases, actor)
    if COMMANDS[words[0]].completion is Completion.CALL:
        found += [*await _over(usecases, actor), "last"]
    return found


async def _live(usecases: UseCases, actor: Actor) -> list[str]:
    pages = everything(lambda cursor: usecases.calls.list(actor, limit=_MOST, cursor=cursor), _MOST)
    return [call.id async for call in pages]


async def _over(usecases: UseCases, actor: Actor) -> list[str]:
    page = await usecases.cdrs.list(actor, CdrFilter(by_call=True), limit=_MOST)
    return [cdr.call_id for cdr in page]
