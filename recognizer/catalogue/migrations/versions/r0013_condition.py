"""Condition: the grade that a collector gives to pins, "" where none was given."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the column."""
    op.add_column("holding", sa.Column("condition", sa.Text(), nullable=False, server_default=""))
