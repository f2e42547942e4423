"""How our tables are made on MariaDB.

Its indexes take 3072 bytes, and no text without a length. So a text in a key is a VARCHAR, and of the two that may be
longer the key has the beginning: bindings of one account differ there, or are one. It has no transactions for
statements that make tables: each does no harm when it is repeated, as it is after a migration that was cut off.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Text, UniqueConstraint
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler, MySQLTypeCompiler
from sqlalchemy.dialects.mysql.mariadb import loader
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["MariadbDialect"]

_KEY_LENGTH = 255

_LONG_KEYS = {("bindings", "contact"): 750, ("messages", "call_id"): 750}
"""Texts that may be longer than a key, and how many of their characters it has."""


class _Types(MySQLTypeCompiler):
    """The types of columns: texts and bytes of any length."""

    def visit_text(self, type_: Any, **kw: Any) -> str:
        return "LONGTEXT"

    def visit_large_binary(self, type_: Any, **kw: Any) -> str:
        return "LONGBLOB"


class _Definitions(MySQLDDLCompiler):
    """The statements that make tables and indexes."""

    def get_column_specification(self, column: Column[Any], **kw: Any) -> str:
        text = super().get_column_specification(column, **kw)
        return text.replace("LONGTEXT", f"VARCHAR({_KEY_LENGTH})", 1) if _is_short(column) else text

    def visit_primary_key_constraint(self, constraint: PrimaryKeyConstraint, **kw: Any) -> str:
        text = super().visit_primary_key_constraint(constraint, **kw)
        text = text[text.index("PRIMARY KEY") :]  # which has no name there
        for (table, name), length in _LONG_KEYS.items():
            if constraint.table.name == table:
                column = self.preparer.format_column(constraint.table.c[name])
                text = text.replace(column, f"{column}({length})")
        return text

    def visit_create_table(self, create: CreateTable, **kw: Any) -> str:
        create.if_not_exists = True
        return str(super().visit_create_table(create, **kw))  # type: ignore[no-untyped-call]  # nor has SQLAlchemy

    # SQLAlchemy has more parameters, which it hands on by name.
    def visit_create_index(self, create: CreateIndex, **kw: Any) -> str:  # type: ignore[override]
        create.if_not_exists = True
        return super().visit_create_index(create, **kw)

    def post_create_table(self, table: Table) -> str:
        return " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"


class MariadbDialect(loader("asyncmy")):  # type: ignore[misc]  # made at run time
    """SQLAlchemy's dialect, with our types."""

    supports_statement_cache = True
    ddl_compiler = _Definitions
    type_compiler_cls = _Types


def _is_short(column: Column[Any]) -> bool:
    """Return whether a column is a text that has to fit into a key."""
    table = column.table
    if not isinstance(column.type, Text) or table is None or (table.name, column.name) in _LONG_KEYS:
        return False
    keys = [c for c in table.constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint)]
    return column.primary_key or bool(column.unique) or any(column.name in key.columns for key in keys)
