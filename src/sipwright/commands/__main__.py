"""The command line as a whole: puts the groups of commands together and turns errors into one line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sipwright.commands import (
    account,
    bindings,
    calls,
    cdrs,
    dialplan,
    domain,
    init,
    key,
    provider,
    secret,
    store,
    token,
    user,
)
from sipwright.commands.audit import audit
from sipwright.commands.backup import backup
from sipwright.commands.call import call
from sipwright.commands.call_test import call_test
from sipwright.commands.common import say
from sipwright.commands.nat_check import nat_check
from sipwright.commands.restore import restore
from sipwright.commands.run import run as run_switch
from sipwright.commands.status import status
from sipwright.commands.trace import trace
from sipwright.errors import UserError
from sipwright.printable import MOST_OF_SENTENCE, printable

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="sipwright",
    help="A programmable SIP switch: register phones, connect providers, route every call in Python.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Every command takes --data DIR (default: $SIPWRIGHT_DATA, else ./data) and works while the "
    "switch runs; what it changes reaches the switch within 2 seconds.",
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib import metadata

        say(f"sipwright {metadata.version('sipwright')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take the options that stand before the command."""


app.command()(init.init)
app.command("run")(run_switch)
app.add_typer(account.app)
app.add_typer(dialplan.app)
app.add_typer(store.app)
app.add_typer(secret.app)
app.add_typer(provider.app)
app.command()(bindings.bindings)
app.add_typer(calls.app)
app.command()(call)
app.command()(status)
app.command()(cdrs.cdrs)
app.command()(trace)
app.command("call-test")(call_test)
app.command("nat-check")(nat_check)
app.add_typer(user.app)
app.add_typer(token.app)
app.add_typer(domain.app)
app.add_typer(key.app)
app.command()(audit)
app.command()(backup)
app.command()(restore)


def main() -> None:
    """Run a command; the exit status is 0 only when it did what it was asked to."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line and give its exit status, with one line on standard error unless that is 0."""
    try:
        status = app(args=arguments, prog_name="sipwright", standalone_mode=False)
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
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":
        say(*message.split("\n"), is_error=True)
        return 2
    path = context.command_path if context is not None else "sipwright"
    return _fail(f"{message.rstrip('.')}; see '{path} --help'", 2)


def _fail(message: str, status: int = 1) -> int:
    say("sipwright: " + printable(" ".join(message.split()), MOST_OF_SENTENCE), is_error=True)
    return status


if __name__ == "__main__":
    main()
