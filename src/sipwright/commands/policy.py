"""``sipwright policy``: who may ask for what, as the settings have it."""

from __future__ import annotations

from sipwright.commands.common import Data, Json, print_json, print_table, settings_of

__all__ = ["policy"]


def policy(as_json: Json = False, data: Data = None) -> None:
    """Show who may transfer, redirect, replace, send texts and watch.

    The section [policy] of sipwright.toml says it, for all, for a domain or for a provider; it is read when the switch
    starts.

    \b
    Examples:
      sipwright policy
      sipwright policy --json
    """
    from sipwright.services.policy import PARTIES

    rows = settings_of(data).policy.as_policy().table()
    if as_json:
        print_json(rows)
        return
    words = {True: "yes", False: "no", None: ""}
    cells = (
        (
            row["action"],
            row["domain"] or (f"provider {row['provider']}" if row["provider"] else "all"),
            *(words[row[party]] for party in PARTIES),  # type: ignore[index]  # they are text, True, False or None
        )
        for row in rows
    )
    print_table(("may", "for", *PARTIES), cells, "nothing is said")
