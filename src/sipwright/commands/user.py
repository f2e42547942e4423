"""``sipwright user``: the people who own accounts, providers and dialplans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands import user_access
from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    ask_password,
    clock,
    group,
    print_json,
    print_table,
    say,
)
from sipwright.usecases.page import everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.users import UserView

__all__ = ["app"]

app = group("user", "People: who owns accounts, providers and dialplans.")
app.add_typer(user_access.key)
app.add_typer(user_access.totp)
app.command()(user_access.unlock)
app.command()(user_access.invite)
app.command()(user_access.invites)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]
Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        metavar="P",
        help="Password to log in with. [default: asked for, or read from standard input]",
    ),
]

Email = Annotated[
    str | None,
    typer.Option(
        "--email", metavar="A", help="Mail address, to which a link goes when the password is lost."
    ),
]


@app.command()
def add(
    name: Name,
    password: Password = None,
    role: Annotated[str, typer.Option("--role", metavar="R", help="admin or user.")] = "user",
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="TZ", help="Time zone, such as Europe/Dublin.")
    ] = "UTC",
    email: Email = None,
    data: Data = None,
) -> None:
    """Add a user.

    \b
    Example:
      sipwright user add carol --timezone Europe/Dublin
    """
    secret = ask_password(password, f"password of {name}")

    async def work(usecases: UseCases, actor: Actor) -> UserView:
        from sipwright.usecases.users import UserSpec

        return await usecases.users.create(actor, UserSpec(name, secret, role, timezone, email))

    say(f"added {with_usecases(data, work).name}")


@app.command(name="list")
def list_(as_json: Json = False, data: Data = None) -> None:
    """List users.

    \b
    Example:
      sipwright user list --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[UserView]:
        return [one async for one in everything(lambda cursor: usecases.users.list(actor, cursor=cursor))]

    users = with_usecases(data, work)
    if as_json:
        print_json(
            [
                {
                    "user": user.name,
                    "email": user.email,
                    "totp": user.totp,
                    "role": user.role,
                    "timezone": user.timezone,
                    "created_at": user.created_at,
                    **{name: getattr(user, name) for name in _LIMITS},
                }
                for user in users
            ]
        )
        return
    rows = ((user.name, user.role, user.timezone, clock(user.created_at), _limits(user)) for user in users)
    print_table(("user", "role", "timezone", "since", "limits"), rows, "no users yet; run 'sipwright init'")


@app.command(name="set")
def set_(
    name: Name,
    role: Annotated[str | None, typer.Option("--role", metavar="R", help="admin or user.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="TZ", help="Time zone, such as Europe/Dublin.")
    ] = None,
    runs: Annotated[
        str | None, typer.Option("--runs", metavar="N", help="Runs of their dialplans at once, or default.")
    ] = None,
    runs_per_minute: Annotated[
        str | None,
        typer.Option("--runs-per-minute", metavar="N", help="Runs that may begin in a minute, or default."),
    ] = None,
    seconds_per_minute: Annotated[
        str | None,
        typer.Option("--seconds-per-minute", metavar="S", help="Computing time in a minute, or default."),
    ] = None,
    longest_call: Annotated[
        str | None,
        typer.Option(
            "--longest-call", metavar="S", help="Seconds after which each of their calls ends, or default."
        ),
    ] = None,
    email: Email = None,
    data: Data = None,
) -> None:
    """Change what is given of a user.

    The first three limits are on all dialplans of the user together; default goes back to what [dialplan] in
    sipwright.toml says. A call that would be too much hears 480. An answered call ends when the shortest limit says
    so: this one, [sip] longest_call, that of the provider, or what the dialplan asks for.

    \b
    Examples:
      sipwright user set carol --timezone Europe/Vienna
      sipwright user set carol --runs 2000 --runs-per-minute 6000
      sipwright user set carol --longest-call 3600
    """
    given = zip(
        _LIMITS,
        (runs, runs_per_minute, seconds_per_minute, longest_call),
        (int, int, float, float),
        strict=True,
    )
    limits = {column: _limit(text, kind) for column, text, kind in given if text is not None}

    async def work(usecases: UseCases, actor: Actor) -> UserView:
        from sipwright.usecases.users import UserChange

        return await usecases.users.change(actor, name, UserChange(role, timezone, email, limits))

    user = with_usecases(data, work)
    say(f"changed {user.name}" + (f": {_limits(user) or 'limits as in the settings'}" if limits else ""))


_LIMITS = ("script_runs", "script_runs_per_minute", "script_seconds_per_minute", "longest_call")


def _limit(text: str, kind: type[int] | type[float]) -> float | None:
    if text == "default":
        return None
    try:
        value = kind(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e9:
        raise CommandError(f"{text!r} is not a limit; write a number above 0, or default")
    return value


def _limits(user: UserView) -> str:
    """Say which limits are a user's own."""
    named = ((user.script_runs, "{} at once"), (user.script_runs_per_minute, "{}/min"),
             (user.script_seconds_per_minute, "{:g} s/min"), (user.longest_call, "{:g} s a call"))  # fmt: skip
    return ", ".join(words.format(value) for value, words in named if value is not None)


@app.command()
def password(name: Name, password: Password = None, data: Data = None) -> None:
    """Give a user a new password.

    \b
    Example:
      sipwright user password carol
    """
    secret = ask_password(password, f"new password of {name}")

    async def work(usecases: UseCases, actor: Actor) -> None:
        await usecases.users.set_password(actor, name, secret)

    with_usecases(data, work)
    say(f"changed the password of {name}")


@app.command()
def remove(name: Name, data: Data = None) -> None:
    """Remove a user who owns nothing any more.

    \b
    Example:
      sipwright user remove carol
    """

    async def work(usecases: UseCases, actor: Actor) -> UserView:
        return await usecases.users.remove(actor, name)

    say(f"removed {with_usecases(data, work).name}")
