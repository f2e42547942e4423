"""How a command describes itself with ``--help``: as a manual page does, arguments by their names.

``sipwright cdrs`` takes no argument, ``sipwright call FROM TO`` takes two, ``sipwright dns [DOMAIN]`` may have one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperArgument, TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Command", "as_manual"]


class Command(TyperCommand):
    """A command that names its arguments as people write them, and not by the types that Python gives them."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands behind the command in the line ``Usage:``."""
        options = [self.options_metavar] if self.options_metavar else []
        return options + [_usage_of(one) for one in _arguments(self, ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and then the options."""
        arguments = [(_name_of(one), _help_of(one)) for one in _arguments(self, ctx)]
        options = [
            one.get_help_record(ctx) for one in self.get_params(ctx) if one.param_type_name == "option"
        ]
        for title, rows in (
            ("Arguments", arguments),
            ("Options", [row for row in options if row is not None]),
        ):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def as_manual(app: typer.Typer) -> typer.Typer:
    """Let all commands of an app, and of its groups, describe themselves so."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            as_manual(group.typer_instance)
    return app


def _arguments(command: TyperCommand, ctx: Any) -> Iterable[TyperArgument]:
    return [one for one in command.get_params(ctx) if isinstance(one, TyperArgument)]


def _name_of(argument: TyperArgument) -> str:
    return argument.metavar or (argument.name or "").upper()


def _usage_of(argument: TyperArgument) -> str:
    name = _name_of(argument)
    return name if argument.required else f"[{name}]"


def _help_of(argument: TyperArgument) -> str:
    """Return what an argument is; whether it has to be there, the usage says."""
    return argument.help or ""
