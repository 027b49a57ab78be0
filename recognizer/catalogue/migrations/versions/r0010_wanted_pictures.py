"""Pictures that are still to be fetched from an address, and the imports that are finished."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, default: str = "") -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "wanted_picture",
        sa.Column("wanted_key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("entry_id", sa.Text(), sa.ForeignKey("entry.entry_id", ondelete="CASCADE"), nullable=False),
        *map(_text, ("address", "role", "licence", "source")),
        _text("state", "wanted"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        _text("last_error"),
        sa.Column("not_before", sa.Float(), nullable=False, server_default="0"),
        _text("sha256"),
        sa.UniqueConstraint("entry_id", "address", name="wanted_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("wanted_picture_state", "wanted_picture", ["state"])
    op.create_table(
        "finished_import",
        sa.Column("source", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("content", "seen")),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
    )
