"""How the certificate of a provider is looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add a column."""
    op.add_column("providers", sa.Column("tls_verify", sa.Text()))
