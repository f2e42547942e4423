"""``sipwright dns``: what the DNS has to say so that phones find the nodes, and whether it does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sipwright.commands.acting import with_usecases
from sipwright.commands.common import CommandError, Data, Json, print_json, say, settings_of
from sipwright.errors import UserError

if TYPE_CHECKING:
    from sipwright.cluster.zone import Doors, Problem, Record
    from sipwright.usecases import Actor, UseCases

__all__ = ["dns"]


class _NotAsItShould(UserError):
    """The DNS does not say what it has to."""


def dns(
    domain: Annotated[
        str | None,
        typer.Argument(metavar="DOMAIN", help="Only this domain. [default: all that are served]"),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the DNS, and say what is missing or wrong there.")
    ] = False,
    server: Annotated[
        list[str] | None,
        typer.Option(
            "--server",
            metavar="HOST[:PORT]",
            help="The DNS server to ask; several, to see whether they agree. [default: [sip] dns, or the system's]",
        ),
    ] = None,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Print the DNS records of the nodes, and check them.

    They are for the zone of each domain that is served: NAPTR, SRV and addresses, as a zone file has them (RFC 3263).
    Each node says in '[cluster]' how it is reached: host, public, priority and weight. With --check the exit status is
    1 when anything is missing or wrong. What is right, and kept for more than an hour by whoever has asked, is 'slow'.

    \b
    Examples:
      sipwright dns
      sipwright dns example.org --check
      sipwright dns --check --server 192.0.2.53 --server 198.51.100.53
      sipwright dns --check --json | jq -r '.problems[].text'
    """
    domains, nodes = with_usecases(data, _known)
    if domain is not None:
        if domain.lower() not in domains:
            raise CommandError(f"{domain} is not served here; there is {', '.join(domains) or 'no domain'}")
        domains = [domain.lower()]
    records = {name: _records(name, nodes) for name in domains}
    hidden = [one.host for one in nodes if not one.addresses]
    found = asyncio.run(_check_all(records, _servers(server, data))) if check else []
    problems = [one for one in found if one.kind != "slow"]
    if as_json:
        print_json(_as_json(records, found if check else None, hidden))
    else:
        _print(records, None if not check else found)
    faults = [_hidden(name) for name in hidden] + ([_counted(len(problems))] if problems else [])
    if faults and (check or not any(records.values())):
        raise _NotAsItShould("; ".join(faults))
    for fault in faults:
        say(fault, is_error=True)


async def _known(usecases: UseCases, actor: Actor) -> tuple[list[str], list[Doors]]:
    from sipwright.usecases.page import MOST, everything

    found = everything(lambda cursor: usecases.domains.list(actor, limit=MOST, cursor=cursor))
    return [one.domain async for one in found], list(await usecases.nodes.doors(actor))


def _records(domain: str, nodes: list[Doors]) -> list[Record]:
    from sipwright.cluster.zone import records_of

    return records_of(domain, nodes)


async def _check_all(
    records: dict[str, list[Record]], servers: list[tuple[str, int] | None]
) -> list[Problem]:
    """Ask each server; with several of them, each is named by what it says."""
    found: list[Problem] = []
    for server in servers:
        said = await _check(records, server)
        name = "" if server is None or len(servers) < 2 else f"{server[0]} says: "
        found += [one._replace(text=name + one.text) for one in said]
    return found


async def _check(records: dict[str, list[Record]], server: tuple[str, int] | None) -> list[Problem]:
    from sipwright.cluster.zone import compared, kept_long, questions
    from sipwright.transport.dns_lookup import query, system_resolver

    resolver = system_resolver(server)
    seconds: dict[tuple[str, str], float] = {}

    async def ask(name: str, kind: str) -> list[str] | str:
        try:
            found, seconds[name, kind] = await query(resolver, name, kind)
        except OSError as error:
            return str(error) or "nobody answers"
        return [one.to_text() for one in found]

    problems: list[Problem] = []
    for domain, wanted in records.items():
        asked = questions(domain, wanted)
        answers = await asyncio.gather(*(ask(name, kind) for name, kind in asked))
        problems += compared(wanted, dict(zip(asked, answers, strict=True)))
    return list(dict.fromkeys([*problems, *kept_long(seconds)]))


def _print(records: dict[str, list[Record]], problems: list[Problem] | None) -> None:
    from sipwright.cluster.zone import zone_lines

    if problems is None:
        for domain, found in records.items():
            say(f"; what the zone of {domain} has to say so that phones find it", *zone_lines(found))
        return
    for one in problems:
        say(f"{one.kind:8} {one.text}")
    if not any(one.kind != "slow" for one in problems):
        say(f"all {sum(map(len, records.values()))} records are there and right")


def _hidden(node: str) -> str:
    return f'nobody knows the address of {node}: write [cluster] public = ["ADDRESS"] in its settings, and start it'


def _as_json(
    records: dict[str, list[Record]], problems: list[Problem] | None, hidden: list[str]
) -> dict[str, Any]:
    from sipwright.cluster.zone import TTL

    shown: dict[str, Any] = {
        "records": [
            {"domain": domain, "name": one.name, "ttl": TTL, "type": one.type, "data": one.data}
            for domain, found in records.items()
            for one in found
        ],
        "nodes_without_address": hidden,
    }
    if problems is not None:
        shown["problems"] = [
            {
                "kind": one.kind,
                "name": one.record.name,
                "type": one.record.type,
                "data": one.record.data,
                "text": one.text,
            }
            for one in problems
        ]
        shown["ok"] = not hidden and all(one.kind == "slow" for one in problems)
    return shown


def _servers(given: list[str] | None, data: Any) -> list[tuple[str, int] | None]:
    """Return the DNS servers to ask; None is that of the system."""
    usual = settings_of(data).sip.dns
    return [_server(text) for text in given or ([usual] if usual else [])] or [None]


def _server(text: str) -> tuple[str, int]:
    from sipwright.config import listen_address
    from sipwright.transport.route import is_ip_address

    if is_ip_address(text):
        return text, 53
    try:
        host, port = listen_address(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not is_ip_address(host):
        raise CommandError(f"{host!r} is no IP address; name the DNS server by one, such as 192.0.2.53:53")
    return host, port


def _counted(number: int) -> str:
    return "1 record is not right" if number == 1 else f"{number} records are not right"
