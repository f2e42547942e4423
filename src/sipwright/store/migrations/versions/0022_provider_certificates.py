"""The certificate that is shown to a provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add two columns."""
    op.add_column("providers", sa.Column("certificate", sa.Text()))
    op.add_column("providers", sa.Column("certificate_key", sa.Text()))
