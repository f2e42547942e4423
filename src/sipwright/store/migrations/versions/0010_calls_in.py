"""Who takes the calls of a provider, how it is known, and the numbers that a trunk brings."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_providers = sa.table("providers", sa.column("id"), sa.column("contact_token"))


def upgrade() -> None:
    """Add columns and a table; every provider gets a name for us that nobody can guess."""
    op.add_column("providers", sa.Column("account_id", sa.Integer()))
    op.add_column("providers", sa.Column("is_account_chosen", sa.Boolean()))
    op.add_column("providers", sa.Column("in_plan", sa.Integer()))
    op.add_column("providers", sa.Column("number_in", sa.Text()))
    op.add_column("providers", sa.Column("networks", sa.Text()))
    op.add_column("providers", sa.Column("contact_token", sa.Text()))
    op.add_column("registrations", sa.Column("address", sa.Text()))
    op.create_table(
        "provider_numbers",
        sa.Column("provider_id", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer()),
        sa.Column("in_plan", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["providers.id"], name="fk_provider_numbers_provider_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("provider_id", "pattern", name="pk_provider_numbers"),
    )
    connection = op.get_bind()
    for (provider_id,) in connection.execute(sa.select(_providers.c.id)).all():
        row = _providers.c.id == provider_id
        connection.execute(sa.update(_providers).where(row).values(contact_token=secrets.token_hex(10)))
