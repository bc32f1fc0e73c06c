"""keys with scopes, invitations, audit, erasure, proofs, labels.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_ADDED = {
    "accounts": (
        ("email_sealed", sa.LargeBinary()),
        ("suspended_at", _INSTANT),
        ("fetch_quota", sa.Integer()),
        ("read_quota", sa.Integer()),
    ),
    "api_keys": (("name_sealed", sa.LargeBinary()), ("expires_at", _INSTANT), ("last_used_at", _INSTANT)),
    "consents": (
        ("browser_hash", sa.String(length=64)),
        ("proof_sealed", sa.LargeBinary()),
        ("awaiting_sealed", sa.LargeBinary()),
        ("approved_at", _INSTANT),
        ("revoked_at", _INSTANT),
        ("seen_on", sa.Date()),
        ("warned_days", sa.Integer()),
    ),
    "usage_points": (("label_sealed", sa.LargeBinary()), ("refresh_datasets", sa.JSON()), ("read_on", sa.Date())),
}


def upgrade() -> None:
    """Apply the migration. Existing keys keep all rights."""
    for table, columns in _ADDED.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column(
        "api_keys", sa.Column("scopes", sa.String(length=40), server_default="read fetch manage", nullable=False)
    )
    op.add_column("usage_points", sa.Column("refresh", sa.Boolean(), server_default=sa.true(), nullable=False))
    with op.batch_alter_table("api_keys") as batch:
        batch.alter_column("wrapped_private_key", existing_type=sa.LargeBinary(), nullable=True)
    op.create_index(op.f("ix_consents_autorisation_id"), "consents", ["autorisation_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_invitations_code_hash")),
    )
    op.create_table(
        "audit_events",
        sa.Column("chain", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("link", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", name=op.f("pk_audit_events")),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.String(length=40), nullable=False),
        sa.Column("usage_point_ids", sa.JSON(), nullable=False),
        sa.Column("is_account", sa.Boolean(), nullable=False),
        sa.Column("erased_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )


def downgrade() -> None:
    """Revert the migration. The previous version supports neither restricted keys nor consents that await approval."""
    op.execute("DELETE FROM api_keys WHERE scopes <> 'read fetch manage' OR expires_at IS NOT NULL")
    op.execute("UPDATE consents SET status = 'failed', error_code = 'usage_point_taken' WHERE status = 'awaiting'")
    for table in ("erasures", "audit_events", "invitations"):
        op.drop_table(table)
    op.drop_index(op.f("ix_consents_autorisation_id"), table_name="consents")
    with op.batch_alter_table("api_keys") as batch:
        batch.alter_column("wrapped_private_key", existing_type=sa.LargeBinary(), nullable=False)
    op.drop_column("usage_points", "refresh")
    op.drop_column("api_keys", "scopes")
    for table, columns in reversed(_ADDED.items()):
        for name, _ in columns:
            op.drop_column(table, name)
