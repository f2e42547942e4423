"""The proxies that a registrar has named for our requests to a provider (RFC 3608)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Add the column."""
    op.add_column("registrations", sa.Column("service_route", sa.Text()))
