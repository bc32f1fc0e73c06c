"""public data.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the migration."""
    op.create_table(
        "public_days",
        sa.Column("dataset", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("fetched_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "day", name=op.f("pk_public_days")),
    )
    op.create_table(
        "public_sources",
        sa.Column("dataset", sa.String(length=40), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=True),
        sa.Column("succeeded_at", _INSTANT, nullable=True),
        sa.Column("failure", sa.String(length=60), nullable=True),
        sa.Column("not_before", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("dataset", name=op.f("pk_public_sources")),
    )
    op.create_table(
        "tempo_prices",
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("set_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("valid_from", name=op.f("pk_tempo_prices")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("tempo_prices")
    op.drop_table("public_sources")
    op.drop_table("public_days")
