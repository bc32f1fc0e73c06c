"""the return data of consent page v1, and the refusals of usage points.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration. All columns are nullable, so no row has to be rewritten."""
    op.add_column("consents", sa.Column("duration", sa.String(length=16), nullable=True))
    op.add_column("consents", sa.Column("returns_points", sa.Boolean(), nullable=True))
    op.add_column("consents", sa.Column("return_hash", sa.String(length=64), nullable=True))
    op.add_column("consents", sa.Column("prms_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("consents", sa.Column("put_off_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("usage_points", sa.Column("first_refused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("usage_points", sa.Column("last_refused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("usage_points", sa.Column("refused_days", sa.Integer(), nullable=True))
    op.add_column("usage_points", sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Revert the migration. The previous version supports neither lost consents nor waiting ones with points of v1."""
    op.execute("UPDATE consents SET status = 'revoked' WHERE status = 'lost'")
    op.execute(
        "UPDATE consents SET status = 'failed', error_code = 'state_refused' "
        "WHERE status = 'exchanging' AND prms_sealed IS NOT NULL"
    )
    for name in ("first_refused_at", "last_refused_at", "refused_days", "lost_at"):
        op.drop_column("usage_points", name)
    for name in ("duration", "returns_points", "return_hash", "prms_sealed", "put_off_until"):
        op.drop_column("consents", name)
