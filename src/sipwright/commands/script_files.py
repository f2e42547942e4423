"""The scripts that commands name: a file, rules in ``.toml``, standard input, or a stored dialplan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from sipwright.commands.common import CommandError, data_dir, with_store

if TYPE_CHECKING:
    from sipwright.store import Administration
    from sipwright.testing.plans import InPlans, PretendedPlan

__all__ = ["Plan", "Script", "is_file", "plan_of", "read_in_plans", "read_script", "read_text"]

Plan = Annotated[str, typer.Argument(metavar="PLAN", help="A dialplan by name, or a file.")]


class Script(NamedTuple):
    """A script with whose it is, and the in dialplans of the accounts; without a data folder `domain` is empty."""

    plan: PretendedPlan
    owner: str
    timezone: str
    domain: str
    in_plans: InPlans
    providers: dict[str, set[str]]
    """The names that the scripts of each user can dial: providers, and domains that are served here."""


def read_text(file: Path, what: str = "script") -> str:
    """Read a text file, or standard input for ``-``."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except FileNotFoundError:
        raise CommandError(f"there is no file {file}") from None
    except IsADirectoryError:
        raise CommandError(f"{file} is a folder; name the {what} in it") from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def read_script(file: Path) -> str:
    """Read a script, or the script that rules (``.toml``) become."""
    if file.suffix != ".toml":
        return read_text(file)
    from sipwright.services.dialplan.language.rules import RulesError, compile_rules, read_rules

    try:
        return compile_rules(read_rules(read_text(file, "rules")))
    except RulesError as error:
        raise CommandError(f"{file}: {error}") from None


def is_file(plan: str) -> bool:
    """Return whether what was named is a file, there or not, and no stored dialplan."""
    path = Path(plan)
    return plan == "-" or path.suffix in (".py", ".toml") or "/" in plan or path.exists()


def plan_of(plan: str, user: str | None, data: Path | None) -> Script:
    """Return a script, and what it lives among: a file is tried like a dialplan of that user in the data folder.

    A file needs no data folder: without one, its owner is called admin and no account has an in dialplan.
    """
    from sipwright.testing.plans import InPlans, PretendedPlan

    file = PretendedPlan.of_text(read_script(Path(plan)), Path(plan).stem) if is_file(plan) else None
    if file is not None and data is None and not (data_dir(data) / "sipwright.toml").is_file():
        return Script(file, user or "admin", "UTC", "", InPlans(), {})

    async def work(store: Administration) -> Script:
        domains = await store.list_domains()
        domain = next((one.name for one in domains if one.is_default), "")
        users = {one.id: one for one in await store.list_users()}
        providers = {one.name: {each.name.lower() for each in domains} for one in users.values()}
        for provider in await store.list_providers():
            providers[users[provider.user_id].name].add(provider.name)
        in_plans = await read_in_plans(store, domain)
        if file is not None:
            owner = await store.find_user(user)
            mine = file._replace(user_id=owner.id)
            return Script(mine, owner.name, owner.timezone, domain, in_plans, providers)
        found = await store.find_dialplan(plan, user)
        owner = users[found.user_id]
        stored = PretendedPlan(found.source, found.name, found.id, found.user_id, found.version)
        return Script(stored, owner.name, owner.timezone, domain, in_plans, providers)

    return with_store(data, work)


async def read_in_plans(store: Administration, domain: str) -> InPlans:
    """Return the in dialplans of all accounts."""
    from sipwright.testing.plans import InPlan, InPlans, PretendedPlan

    plans = {one.id: one for one in await store.list_dialplans()}
    owners = {one.id: one for one in await store.list_users()}
    found = InPlans(domain)
    for account in await store.list_accounts():
        plan = None if account.in_plan is None else plans.get(account.in_plan)
        if plan is not None and account.is_enabled:
            owner = owners[plan.user_id]
            stored = PretendedPlan(plan.source, plan.name, plan.id, plan.user_id, plan.version)
            found.set(account.aor, InPlan(account.username, stored, owner.name, owner.timezone))
    return found
