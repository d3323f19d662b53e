"""Alembic migrations of the record store, run by the store itself.

:func:`upgrade` works on a connection whose transaction is already open and exclusive, so that two processes that start
at once do not both make the tables.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

#: Name of Alembic's own table: a site's own migrations may live in the same database.
VERSION_TABLE = "consent_schema_version"


def upgrade(connection: sa.Connection) -> None:
    """Bring the tables up to the newest version."""
    command.upgrade(config(connection), "head")


def config(connection: sa.Connection) -> Config:
    """Alembic's configuration for *connection*."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
