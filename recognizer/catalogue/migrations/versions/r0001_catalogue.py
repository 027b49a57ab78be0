"""Entries, their other numbers, their photos and their relations; on SQLite the full text of entries as well."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _entry(name: str = "entry_id") -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), sa.ForeignKey("entry.entry_id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "entry",
        sa.Column("entry_key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("entry_id", sa.Text(), nullable=False, unique=True),
        *map(_text, ("number", "title", "title_en", "theme", "series")),
        sa.Column("year_from", sa.Integer()),
        sa.Column("year_to", sa.Integer()),
        *map(_text, ("years_text", "country", "place", "maker", "hallmark", "material", "technique", "size_mm")),
        *map(_text, ("inscriptions", "languages", "price_mark", "rarity")),
        sa.Column("status", sa.Text(), nullable=False, server_default="active"),
        *map(_text, ("merged_into", "family", "words")),
        sqlite_autoincrement=True,
    )
    op.create_index("entry_number", "entry", ["number"])
    op.create_index("entry_family", "entry", ["family"])
    op.create_table(
        "identifier",
        sa.Column("identifier_key", _KEY, primary_key=True, autoincrement=True),
        _entry(),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.UniqueConstraint("entry_id", "system", "number", name="identifier_once"),
    )
    op.create_index("identifier_number", "identifier", ["number"])
    op.create_table(
        "image",
        sa.Column("image_id", _KEY, primary_key=True, autoincrement=True),
        _entry(),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        _text("licence"),
        _text("source"),
        sa.UniqueConstraint("entry_id", "sha256", name="image_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("image_sha256", "image", ["sha256"])
    op.create_table(
        "relation",
        sa.Column("relation_key", _KEY, primary_key=True, autoincrement=True),
        _entry(),
        sa.Column("kind", sa.Text(), nullable=False),
        _entry("other_entry_id"),
        sa.UniqueConstraint("entry_id", "kind", "other_entry_id", name="relation_once"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _make_full_text()


def _make_full_text() -> None:
    """The words of entries in an FTS5 table that triggers keep in step within the transaction that changes an entry."""
    gone = "INSERT INTO entry_words (entry_words, rowid, words) VALUES ('delete', old.entry_key, old.words);"
    come = "INSERT INTO entry_words (rowid, words) VALUES (new.entry_key, new.words);"
    op.execute(
        "CREATE VIRTUAL TABLE entry_words USING fts5(words, content='entry', content_rowid='entry_key', prefix='2 3')"
    )
    op.execute(f"CREATE TRIGGER entry_words_insert AFTER INSERT ON entry BEGIN {come} END")
    op.execute(f"CREATE TRIGGER entry_words_delete AFTER DELETE ON entry BEGIN {gone} END")
    op.execute(f"CREATE TRIGGER entry_words_update AFTER UPDATE OF words ON entry BEGIN {gone} {come} END")
