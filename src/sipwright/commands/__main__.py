"""The command line as a whole: puts the groups of commands together and turns errors into one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.common import say
from sipwright.commands.help import as_manual
from sipwright.commands.usage import complaint
from sipwright.errors import UserError
from sipwright.printable import MOST_OF_SENTENCE, printable

if TYPE_CHECKING:
    from sipwright.commands import (  # noqa: F401, for whoever follows imports: `make_app` finds them by name
        account,
        audit,
        backup,
        ban,
        bindings,
        call,
        call_test,
        calls,
        cdrs,
        dialplan,
        dns,
        domain,
        guard,
        init,
        key,
        monitor,
        nat_check,
        node,
        policy,
        provider,
        restore,
        secret,
        status,
        store,
        token,
        trace,
        user,
    )
    from sipwright.commands import run as run_switch  # noqa: F401, for whoever follows imports: `make_app` finds them by name

__all__ = ["main", "make_app"]

INTERRUPTED = 130

_COMMANDS = (
    "init", "run", "account", "dialplan", "store", "secret", "provider", "bindings", "calls", "call", "status", "cdrs",
    "trace", "call-test", "nat-check", "dns", "monitor", "user", "token", "domain", "ban", "guard", "policy", "key",
    "node", "audit",
    "backup", "restore",
)  # fmt: skip
"""All commands; each stands in a module of its name, as a function of that name or with an `app` of its own."""


def make_app(names: Iterable[str] = _COMMANDS) -> typer.Typer:
    """Put the command line together, of all commands or of some."""
    app = typer.Typer(
        name="sipwright",
        help="A programmable SIP switch: register phones, connect providers, route every call in Python.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        epilog="Every command takes --data DIR (default: $SIPWRIGHT_DATA, else ./data) and works while the "
        "switch runs; what it changes reaches the switch within 2 seconds. The exit status is 0 when it has done what "
        "it was asked to, 2 when the command line is wrong, 130 when it was interrupted, and otherwise 1; a line on "
        "standard error then says what is wrong and what to do. Where a command has others, its --help says so.",
    )
    app.callback()(_options)
    for name in names:
        attribute = name.replace("-", "_")
        module = import_module(f"sipwright.commands.{attribute}")
        if hasattr(module, "app"):
            app.add_typer(module.app)
        else:
            app.command(name)(getattr(module, attribute))
    return as_manual(app)


def _app_for(arguments: list[str]) -> typer.Typer:
    """Return as much of the command line as arguments need: all other commands take a tenth of a second to load."""
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    return make_app((first,) if first in _COMMANDS else _COMMANDS)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib import metadata

        say(f"sipwright {metadata.version('sipwright')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def main() -> None:
    """Run a command; the exit status is 0 only when it did what it was asked to."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line and give its exit status, with one line on standard error unless that is 0."""
    try:
        status = _app_for(arguments)(args=arguments, prog_name="sipwright", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error)
    except UserError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", INTERRUPTED)
    except Exception as error:
        if os.environ.get("SIPWRIGHT_TRACEBACK"):
            raise
        kind = type(error).__name__
        return _fail(f"internal error, {kind}: {error}; SIPWRIGHT_TRACEBACK=1 shows where it happened")
    if status == INTERRUPTED:  # which typer makes of Ctrl-C, without a word
        return _fail("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        say(*error.format_message().split("\n"), is_error=True)
        return 2
    path = context.command_path if context is not None else "sipwright"
    return _fail(f"{complaint(error)}; see '{path} --help'", 2)


def _fail(message: str, status: int = 1) -> int:
    say("sipwright: " + printable(" ".join(message.split()), MOST_OF_SENTENCE), is_error=True)
    return status


if __name__ == "__main__":
    main()
