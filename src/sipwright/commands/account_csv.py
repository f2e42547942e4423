"""The file of `sipwright account import`: an account a line, with a heading or without."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from sipwright.commands.common import CommandError
from sipwright.store.admin.specs import AccountSpec

__all__ = ["read_accounts"]


def read_accounts(file: Path) -> list[AccountSpec]:
    """Return what each line says: name,password[,user,out,in].

    Raises:
        CommandError: There is no such file, or it is none of that form.
    """
    if str(file) == "-":
        return list(_specs(sys.stdin))
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(_specs(lines))
    except FileNotFoundError:
        raise CommandError(f"there is no file {file}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8 text; save it as UTF-8") from None


def _specs(lines: Iterable[str]) -> Iterator[AccountSpec]:
    import csv

    reader = csv.reader(lines)
    order = ["name", "password", "user", "out", "in"]
    try:
        for number, cells in enumerate(reader, start=1):
            fields = [cell.strip() for cell in cells]
            if not any(fields):
                continue
            heading = [field.lower() for field in fields]
            if number == 1 and heading[:2] == order[:2]:
                if heading != order[: len(heading)]:
                    raise CommandError(f"line 1: the heading is {','.join(heading)}; write {','.join(order)}")
                continue
            if not 2 <= len(fields) <= 5:
                raise CommandError(
                    f"line {reader.line_num}: {len(fields)} fields; write name,password[,user,out,in]"
                )
            name, password, *rest = fields
            owner, out_plan, in_plan = [*rest, "", "", ""][:3]
            yield AccountSpec(
                name, password, owner or None, out_plan or None, in_plan or None, reader.line_num
            )
    except csv.Error as error:
        raise CommandError(f"line {reader.line_num}: {error}; check its quotes") from None
