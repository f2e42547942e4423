"""What takes the calls of providers, and so cannot be removed by mistake: accounts, and dialplans."""

from __future__ import annotations

from sqlalchemy import Connection, select

from sipwright.store.errors import InUseError
from sipwright.store.schema import tables

__all__ = ["owners", "refuse_account", "refuse_plan"]


def refuse_account(connection: Connection, account_id: int, aor: str) -> None:
    """Refuse to remove an account that takes calls.

    Raises:
        InUseError: It does.
    """
    name, pattern = _uses(connection, "account_id", account_id)
    if name is None:
        return
    if pattern is None:
        what, advice = f"the calls of provider {name!r}", f"provider set {name} --account NAME"
    else:
        what, advice = (
            f"the calls to {pattern} of provider {name!r}",
            f"provider did add {name} {pattern} --account NAME",
        )
    raise InUseError(
        f"account {aor} takes {what}: let another account or a dialplan take them first, or insist; "
        f"'sipwright {advice}' or --in PLAN lets them, --force insists",
        "force",
    )


def refuse_plan(connection: Connection, plan_id: int, plan: str) -> None:
    """Refuse to remove a dialplan that decides about calls of a provider.

    Raises:
        InUseError: It does.
    """
    name, _ = _uses(connection, "in_plan", plan_id)
    if name is not None:
        raise InUseError(f"provider {name!r} runs dialplan {plan!r}; give it another one first")


def owners(connection: Connection) -> dict[int, tuple[int, str]]:
    """Return, for each account that takes calls of a provider, whose provider that is, and its name."""
    provider, number = tables.providers.c, tables.provider_numbers.c
    direct = select(provider.account_id, provider.user_id, provider.name)
    by_number = select(number.account_id, provider.user_id, provider.name).join_from(
        tables.provider_numbers, tables.providers, provider.id == number.provider_id
    )
    rows = [
        *connection.execute(direct.where(provider.account_id.is_not(None))),
        *connection.execute(by_number.where(number.account_id.is_not(None))),
    ]
    return {account_id: (user_id, name) for account_id, user_id, name in rows}


def _uses(connection: Connection, column: str, wanted: int) -> tuple[str | None, str | None]:
    """Return the name of a provider whose calls something takes, and the pattern if it is only for some."""
    providers, numbers = tables.providers.c, tables.provider_numbers
    name = connection.scalar(select(providers.name).where(tables.providers.c[column] == wanted).limit(1))
    if name is not None:
        return name, None
    query = (
        select(providers.name, numbers.c.pattern)
        .join_from(numbers, tables.providers, providers.id == numbers.c.provider_id)
        .where(numbers.c[column] == wanted)
        .limit(1)
    )
    found = connection.execute(query).first()
    return (None, None) if found is None else (found.name, found.pattern)
