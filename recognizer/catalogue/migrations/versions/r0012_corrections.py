"""Corrections: what people say of answers, by the command line and by the page alike."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "correction",
        sa.Column("correction_id", _KEY, primary_key=True, autoincrement=True),
        *map(_text, ("at", "who", "said", "entry_id", "offered", "sha256", "box", "picture", "model", "index_made")),
        *map(_text, ("upload_id", "note", "earlier_id", "undone_at", "undone_by")),
        sa.Column("image_id", sa.BigInteger(), nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("correction_sha256", "correction", ["sha256"])
