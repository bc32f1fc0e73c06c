"""datasets that the provider does not have for a usage point.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.add_column("usage_points", sa.Column("unavailable", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Revert the migration; the removed data is determined again from the provider's responses."""
    op.drop_column("usage_points", "unavailable")
