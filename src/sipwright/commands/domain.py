"""``sipwright domain``: the SIP domains that this switch serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import Data, Json, group, print_json, print_table, say
from sipwright.usecases.page import everything

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.domains import DomainView

__all__ = ["app"]

app = group("domain", "SIP domains that this switch serves.")

Name = Annotated[str, typer.Argument(metavar="DOMAIN", help="The domain, such as sip.example.org.")]
Default = Annotated[
    bool, typer.Option("--default", help="Make it the domain that is meant when none is named.")
]
Algorithm = Annotated[
    str | None,
    typer.Option(
        "--algorithm",
        metavar="A",
        help="Digest algorithm to challenge with: MD5 (which every phone knows), SHA-256, SHA-512-256.",
    ),
]


@app.command()
def add(name: Name, default: Default = False, algorithm: Algorithm = None, data: Data = None) -> None:
    """Serve one more domain.

    \b
    Example:
      sipwright domain add sip.example.org --default
    """

    async def work(usecases: UseCases, actor: Actor) -> DomainView:
        from sipwright.usecases.errors import Conflict

        try:
            return await usecases.domains.create(actor, name, default=default, algorithm=algorithm)
        except Conflict:  # it is there, as it was to be
            return await usecases.domains.change(actor, name, default=default, algorithm=algorithm)

    say(f"added {with_usecases(data, work).domain}")


@app.command(name="set")
def set_(name: Name, default: Default = False, algorithm: Algorithm = None, data: Data = None) -> None:
    """Change what is given of a domain.

    \b
    Examples:
      sipwright domain set sip.example.org --default
      sipwright domain set sip.example.org --algorithm SHA-256
    """

    async def work(usecases: UseCases, actor: Actor) -> DomainView:
        return await usecases.domains.change(actor, name, default=default, algorithm=algorithm)

    say(f"changed {with_usecases(data, work).domain}")


@app.command(name="list")
def list_(as_json: Json = False, data: Data = None) -> None:
    """List the domains, the default one first.

    \b
    Example:
      sipwright domain list --json
    """

    async def work(usecases: UseCases, actor: Actor) -> list[DomainView]:
        return [one async for one in everything(lambda cursor: usecases.domains.list(actor, cursor=cursor))]

    domains = with_usecases(data, work)
    if as_json:
        print_json(
            [
                {"domain": domain.domain, "default": domain.default, "algorithm": domain.algorithm}
                for domain in domains
            ]
        )
        return
    rows = ((domain.domain, "yes" if domain.default else "", domain.algorithm) for domain in domains)
    print_table(("domain", "default", "algorithm"), rows, "no domains yet; 'sipwright domain add D' adds one")


@app.command()
def remove(name: Name, data: Data = None) -> None:
    """Stop serving a domain.

    It must have no accounts. Take it out of sipwright.toml as well, or the next start serves it again.

    \b
    Example:
      sipwright domain remove old.example.org
    """

    async def work(usecases: UseCases, actor: Actor) -> DomainView:
        return await usecases.domains.remove(actor, name)

    say(f"removed {with_usecases(data, work).domain}")
