"""What Alembic runs for every command: migrate on the connection that was handed over, in its transaction."""

from __future__ import annotations

from alembic import context

from consent.ledger.migrations import VERSION_TABLE
from consent.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
