"""From which revision on the code is that may use a database which is newer than itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Add the column, beside the number of the revision."""
    op.add_column("alembic_version", sa.Column("usable_from", sa.String(32)))
    op.execute("UPDATE alembic_version SET usable_from = '0036'")
