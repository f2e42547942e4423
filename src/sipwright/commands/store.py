"""``sipwright store``: the values that scripts keep from run to run."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import (
    CommandError,
    Data,
    Json,
    Owner,
    clock,
    group,
    print_json,
    print_table,
    say,
)
from sipwright.usecases.page import MOST, everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.values import ValueView

__all__ = ["app"]

app = group("store", "The values that scripts keep.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="Under what it is kept.")]

_WHOLE = frozenset({"value"})


@app.command(name="list")
def list_(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Only keys that begin so.")] = "",
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List what the scripts of a user keep.

    \b
    Examples:
      sipwright store list
      sipwright store list forward --user carol --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[ValueView]:
        pages = everything(
            lambda cursor: usecases.values.list(actor, prefix=prefix, user=user, limit=MOST, cursor=cursor)
        )
        return [one async for one in pages]

    values = with_usecases(data, work)
    if as_json:
        print_json([_json_of(one) for one in values], _WHOLE)
        return
    rows = ((one.key, _text(one.value), clock(one.updated_at)) for one in values)
    kept = f"nothing is kept under keys that begin with {prefix!r}" if prefix else "nothing is kept yet"
    print_table(("key", "value", "since"), rows, kept)


@app.command()
def get(key: Key, user: Owner = None, as_json: Json = False, data: Data = None) -> None:
    """Print the value under a key, as JSON; a text as it is.

    Exit status: 1 if nothing is kept under it.

    \b
    Example:
      sipwright store get 'forward 101'
    """

    async def work(usecases: UseCases, actor: Actor) -> ValueView:
        return await usecases.values.get(actor, key, user=user)

    found = with_usecases(data, work)
    if as_json:
        print_json(_json_of(found), _WHOLE)
    else:
        say(*_text(found.value).split("\n"))


@app.command(name="set")
def set_(
    key: Key,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="JSON, or else a text; - reads it from standard input.")
    ],
    text: Annotated[
        bool, typer.Option("--text", help="It is a text, even if it could be read as JSON.")
    ] = False,
    user: Owner = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Keep a value under a key; scripts see it at once.

    12, true, "a text", ["bob", "carol"] and {"a": 1} are JSON; what is not is a text.

    \b
    Examples:
      sipwright store set 'forward 101' 0035387123456 --text
      sipwright store set blocked '["0900123", "0900124"]'
      sipwright store set closed true --user carol
    """
    wanted = _value(sys.stdin.read().removesuffix("\n") if value == "-" else value, is_text=text)

    async def work(usecases: UseCases, actor: Actor) -> ValueView:
        return await usecases.values.put(actor, key, wanted, user=user)

    kept = with_usecases(data, work)
    if as_json:
        print_json(_json_of(kept), _WHOLE)
    else:
        say(f"{kept.key} of {kept.user} is {_text(kept.value)} now")


@app.command()
def delete(key: Key, user: Owner = None, data: Data = None) -> None:
    """Forget the value under a key.

    \b
    Example:
      sipwright store delete 'forward 101'
    """

    async def work(usecases: UseCases, actor: Actor) -> ValueView:
        return await usecases.values.remove(actor, key, user=user)

    say(f"deleted {with_usecases(data, work).key}")


def _value(given: str, *, is_text: bool) -> Any:
    if is_text:
        return given
    try:
        return json.loads(given, parse_constant=_not_a_number)
    except ValueError:
        return given
    except RecursionError:
        raise CommandError("the value is nested too deeply") from None


def _not_a_number(word: str) -> Any:
    raise ValueError(word)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json_of(one: ValueView) -> dict[str, Any]:
    return {"key": one.key, "value": one.value, "user": one.user, "updated_at": one.updated_at}
