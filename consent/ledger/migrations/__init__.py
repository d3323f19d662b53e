"""Alembic migrations of the record store, run by the store itself or by ``flask consent db upgrade``.

:func:`upgrade` works on a connection whose transaction is already open and, in SQLite, exclusive, so that two processes
that start at once do not both make the tables. There are two branches: the tables that every site has, and PostgreSQL's
monthly partitions, which a site may ask for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from ...errors import StoreError

#: Name of Alembic's own table: a site's own migrations may live in the same database.
VERSION_TABLE = "consent_schema_version"
#: The newest version of the tables that every site has.
LEDGER = "ledger@head"
#: Alembic keeps what it is doing in one place for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def upgrade(connection: sa.Connection, target: str = LEDGER) -> None:
    """Bring the tables up to *target*.

    :raises StoreError: a newer version made them.
    """
    made = config()
    made.attributes["connection"] = connection
    try:
        with _ONE_AT_A_TIME:
            command.upgrade(made, target)
    except CommandError as error:
        raise StoreError(f"the tables cannot be brought up to date. Update flask-consentry ({error})") from error


def current(connection: sa.Connection) -> tuple[str, ...]:
    """The versions that the tables have."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()


def newest() -> str:
    """The version that :data:`LEDGER` stands for."""
    revision = ScriptDirectory.from_config(config()).get_revision(LEDGER)
    return str(revision.revision)


def unknown(versions: Iterable[str]) -> list[str]:
    """Those of *versions* that this version of the code has not heard of."""
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    return [version for version in versions if version not in known]


def config() -> Config:
    """Alembic's configuration, without a connection."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made
