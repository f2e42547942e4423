"""The store: tables, encrypted columns, the directory in memory, and grouped writes.

Names are loaded when first asked for: the command line needs few of them, and SQLAlchemy is slow to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipwright.store.admin.account_import import ImportResult
    from sipwright.store.admin.administration import Administration
    from sipwright.store.admin.changes import Change
    from sipwright.store.admin.specs import AccountChange, AccountSpec, ProviderChange, ProviderSpec
    from sipwright.store.errors import AlreadyExistsError, NotFoundError, StoreError
    from sipwright.store.live.directory import Directory
    from sipwright.store.live.live_store import Store
    from sipwright.store.live.registration_leases import Registrations
    from sipwright.store.schema.entities import Account, Dialplan, Domain, Provider, User
    from sipwright.store.schema.rows import (
        BindingRow,
        CallRow,
        CdrRow,
        ExecutionRow,
        JournalRow,
        RegistrationRow,
    )
    from sipwright.store.writing.writer import StoreBusy, Writer

_HOMES = {
    "Account": "schema.entities",
    "AccountChange": "admin.specs",
    "AccountSpec": "admin.specs",
    "Administration": "admin.administration",
    "AlreadyExistsError": "errors",
    "BindingRow": "schema.rows",
    "CallRow": "schema.rows",
    "CdrRow": "schema.rows",
    "Change": "admin.changes",
    "Dialplan": "schema.entities",
    "Directory": "live.directory",
    "Domain": "schema.entities",
    "ExecutionRow": "schema.rows",
    "ImportResult": "admin.account_import",
    "JournalRow": "schema.rows",
    "NotFoundError": "errors",
    "Provider": "schema.entities",
    "ProviderChange": "admin.specs",
    "ProviderSpec": "admin.specs",
    "RegistrationRow": "schema.rows",
    "Registrations": "live.registration_leases",
    "Store": "live.live_store",
    "StoreBusy": "writing.writer",
    "StoreError": "errors",
    "User": "schema.entities",
    "Writer": "writing.writer",
}

__all__ = [
    "Account",
    "AccountChange",
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
    "ProviderChange",
    "ProviderSpec",
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
