"""The store: tables, encrypted columns, the directory in memory, and grouped writes.

Names are loaded when first asked for: the command line needs few of them, and SQLAlchemy is slow to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipwright.store.account_import import AccountSpec, ImportResult
    from sipwright.store.administration import Administration
    from sipwright.store.changes import Change
    from sipwright.store.directory import Directory
    from sipwright.store.entities import Account, Dialplan, Domain, Provider, User
    from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
    from sipwright.store.registrations import Registrations
    from sipwright.store.rows import BindingRow, CallRow, CdrRow, ExecutionRow, JournalRow, RegistrationRow
    from sipwright.store.store import Store
    from sipwright.store.writer import StoreBusy, Writer

_HOMES = {
    "Account": "entities",
    "AccountSpec": "account_import",
    "Administration": "administration",
    "AlreadyExistsError": "errors",
    "BindingRow": "rows",
    "CallRow": "rows",
    "CdrRow": "rows",
    "Change": "changes",
    "Dialplan": "entities",
    "Directory": "directory",
    "Domain": "entities",
    "ExecutionRow": "rows",
    "ImportResult": "account_import",
    "JournalRow": "rows",
    "NotFoundError": "errors",
    "Provider": "entities",
    "RegistrationRow": "rows",
    "Registrations": "registrations",
    "Store": "store",
    "StoreBusy": "writer",
    "StoreError": "errors",
    "User": "entities",
    "Writer": "writer",
}

__all__ = [
    "Account",
    "AccountSpec",
    "Administration",
    "AlreadyExistsError",
    "BindingRow",
    "CallRow",
    "CdrRow",
    "Change",
    "Dialplan",
    "Directory",
    "Domain",
    "ExecutionRow",
    "ImportResult",
    "JournalRow",
    "NotFoundError",
    "Provider",
    "RegistrationRow",
    "Registrations",
    "Store",
    "StoreBusy",
    "StoreError",
    "User",
    "Writer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
