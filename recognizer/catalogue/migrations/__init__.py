"""The steps by which a catalogue's tables came to be what they are; run when a catalogue is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from recognizer.errors import CatalogueError


def upgrade(connection: Connection, name: str) -> None:
    """Run the steps that the database at `connection` lacks, inside its transaction.

    Raises CatalogueError, beginning with `name`, where it stands at a step that this znachki does not know.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise CatalogueError(f"{name}: made by a newer znachki ({error}); install that one") from error


def newest() -> str:
    """Name the newest step."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
