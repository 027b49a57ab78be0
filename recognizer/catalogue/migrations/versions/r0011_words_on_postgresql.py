"""The words of entries indexed on PostgreSQL, as full text indexes them on SQLite."""

from contextlib import suppress

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an index of trigrams, which the search for words by their beginnings uses, and answers the same without.

    Its extension comes with PostgreSQL; a server that lets the user make none is searched row by row.
    """
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    with suppress(sa.exc.DBAPIError), bind.begin_nested():
        bind.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        bind.exec_driver_sql("CREATE INDEX entry_words ON entry USING gin (words gin_trgm_ops)")
