"""what the provider says it does not have of a usage point.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("usage_points", sa.Column("unavailable", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Go back: what is not remembered is found out anew."""
    op.drop_column("usage_points", "unavailable")
