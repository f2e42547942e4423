"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite numbers rows only where the column is called INTEGER.
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    _create_people()
    _create_housekeeping()
    _create_state()


def _create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "domains",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("digest_algorithm", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_domains"),
        sa.UniqueConstraint("name", name="uq_domains_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dialplans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("live_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_dialplans_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_dialplans"),
        sa.UniqueConstraint("user_id", "name", name="uq_dialplans_user_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dialplans_user_id", "dialplans", ["user_id"])
    op.create_table(
        "dialplan_versions",
        sa.Column("dialplan_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dialplan_id"], ["dialplans.id"], name="fk_dialplan_versions_dialplan_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dialplan_id", "version", name="pk_dialplan_versions"),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("ha1_md5", sa.LargeBinary(), nullable=False),
        sa.Column("ha1_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ha1_sha512_256", sa.LargeBinary(), nullable=False),
        sa.Column("out_plan", sa.Integer()),
        sa.Column("in_plan", sa.Integer()),
        sa.Column("digest_algorithm", sa.Text()),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domains.id"], name="fk_accounts_domain_id"),
        sa.ForeignKeyConstraint(
            ["in_plan"], ["dialplans.id"], name="fk_accounts_in_plan", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["out_plan"], ["dialplans.id"], name="fk_accounts_out_plan", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_accounts_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("username", "domain_id", name="uq_accounts_username_domain_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_accounts_user_id", "accounts", ["user_id"])
    op.create_table(
        "providers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("auth_username", sa.Text()),
        sa.Column("password", sa.LargeBinary(), nullable=False),
        sa.Column("register", sa.Boolean(), nullable=False),
        sa.Column("realm", sa.Text()),
        sa.Column("from_template", sa.Text()),
        sa.Column("outbound_proxy", sa.Text()),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_providers_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_providers"),
        sa.UniqueConstraint("user_id", "name", name="uq_providers_user_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_providers_user_id", "providers", ["user_id"])


def _create_housekeeping() -> None:
    op.create_table(
        "registrations",
        sa.Column("provider_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text()),
        sa.Column("call_id", sa.Text()),
        sa.Column("cseq", sa.BigInteger()),
        sa.Column("expires_at", sa.Double()),
        sa.Column("status", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", name="pk_registrations"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "changes",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_changes"),
        sqlite_autoincrement=True,
    )


def _create_state() -> None:
    op.create_table(
        "bindings",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("q", sa.Double()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("path", sa.Text()),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("cseq", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("user_agent", sa.Text()),
        sa.Column("instance", sa.Text()),
        sa.Column("reg_id", sa.BigInteger()),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "contact", name="pk_bindings"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("account_id", sa.Integer()),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("from_text", sa.Text(), nullable=False),
        sa.Column("to_text", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("answered_at", sa.Double()),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_table(
        "cdrs",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer()),
        sa.Column("user_id", sa.Integer()),
        sa.Column("from_uri", sa.Text()),
        sa.Column("to_uri", sa.Text()),
        sa.Column("target", sa.Text()),
        sa.Column("dialplan", sa.Text()),
        sa.Column("dialplan_version", sa.Integer()),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("rang_at", sa.Double()),
        sa.Column("answered_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("status", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.Column("hung_up_by", sa.Text()),
        sa.Column("sip_call_id", sa.Text()),
        sa.Column("execution_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_cdrs"),
        sa.UniqueConstraint("call_id", "leg", name="uq_cdrs_call_id_leg"),
    )
    op.create_index("ix_cdrs_started_at", "cdrs", ["started_at"])
    op.create_table(
        "executions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("dialplan_id", sa.Integer()),
        sa.Column("version", sa.Integer()),
        sa.Column("account_id", sa.Integer()),
        sa.Column("user_id", sa.Integer()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary()),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
    )
    op.create_index("ix_executions_call_id", "executions", ["call_id"], mariadb_length=100)
    op.create_table(
        "journal",
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("result", sa.Text()),
        sa.PrimaryKeyConstraint("execution_id", "sequence", name="pk_journal"),
        sqlite_with_rowid=False,
    )
