"""How a provider is told who calls, and how it tells us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add four columns."""
    for name in ("caller_out", "caller_in", "number_format", "identity"):
        op.add_column("providers", sa.Column(name, sa.Text()))
