"""Numbers that are found in any writing, a history of changes that can be undone, and what collectors hold."""

import sqlalchemy as sa
from alembic import op

from recognizer.catalogue.numbers import number_key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def upgrade() -> None:
    """Make the tables and work out how the numbers that are there are found."""
    for table, key in (("entry", "entry_key"), ("identifier", "identifier_key")):
        op.add_column(table, _text("number_key"))
        _fill(sa.table(table, sa.column(key), sa.column("number"), sa.column("number_key")), key)
        op.create_index(f"{table}_number_key", table, ["number_key"])
    op.create_index("entry_merged_into", "entry", ["merged_into"])
    op.create_table(
        "change",
        sa.Column("change_id", _KEY, primary_key=True, autoincrement=True),
        *map(_text, ("at", "who", "what")),
        sa.Column("undoes", sa.BigInteger()),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "change_row",
        sa.Column("change_row_key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("change_id", _KEY, sa.ForeignKey("change.change_id", ondelete="CASCADE"), nullable=False),
        *map(_text, ("kind", "entry_id", "row_key", "before", "after")),
    )
    op.create_index("change_row_change", "change_row", ["change_id"])
    op.create_index("change_row_entry", "change_row", ["entry_id"])
    op.create_table(
        "holding",
        sa.Column("holding_key", _KEY, primary_key=True, autoincrement=True),
        _text("collector"),
        sa.Column("entry_id", sa.Text(), sa.ForeignKey("entry.entry_id", ondelete="CASCADE"), nullable=False),
        *map(_text, ("kind", "jar", "price", "note")),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.UniqueConstraint("collector", "entry_id", "kind", "jar", name="holding_once"),
    )
    op.create_index("holding_entry", "holding", ["entry_id"])


def _fill(table: sa.TableClause, key: str) -> None:
    bind = op.get_bind()
    rows = bind.execute(sa.select(table.c[key], table.c.number)).all()
    keys = [{"row": row[0], "found_by": number_key(row[1])} for row in rows]
    if keys:
        update = sa.update(table).where(table.c[key] == sa.bindparam("row"))
        bind.execute(update.values(number_key=sa.bindparam("found_by")), keys)
