"""PostgreSQL only, and only where a site asks for it: the records become a table in parts, by the time of the record.

The table as it is becomes the default part of a new one, without copying a row; :mod:`consent.ledger.partitions` adds
the months. No dependency on a version of the ledger's branch is declared: Alembic would then note that version no more,
and who looks whether the tables are new enough would not find it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from consent.errors import ConfigError

revision = "partitions_0001"
down_revision = None
branch_labels = ("partitions",)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        raise ConfigError("monthly partitions are PostgreSQL's: an SQLite store has none and needs none")
    op.execute("LOCK TABLE consent_record IN ACCESS EXCLUSIVE MODE")
    rights = _rights(connection)
    op.execute("ALTER TABLE consent_record RENAME TO consent_record_default")
    op.execute("ALTER INDEX consent_record_pkey RENAME TO consent_record_default_pkey")
    op.execute("ALTER INDEX consent_record_by_subject RENAME TO consent_record_default_by_subject")
    op.execute(
        "CREATE TABLE consent_record (LIKE consent_record_default INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (recorded_at)"
    )
    _index()
    op.execute("ALTER TABLE consent_record ATTACH PARTITION consent_record_default DEFAULT")
    _grant(rights)


def downgrade() -> None:
    connection = op.get_bind()
    op.execute("LOCK TABLE consent_record IN ACCESS EXCLUSIVE MODE")
    rights = _rights(connection)
    op.execute("CREATE TABLE consent_record_whole (LIKE consent_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    op.execute("INSERT INTO consent_record_whole SELECT * FROM consent_record")
    op.execute("DROP TABLE consent_record")
    op.execute("ALTER TABLE consent_record_whole RENAME TO consent_record")
    _index()
    _grant(rights)


def _index() -> None:
    op.execute("ALTER TABLE consent_record ADD CONSTRAINT consent_record_pkey PRIMARY KEY (record_id, recorded_at)")
    op.execute(
        "CREATE INDEX consent_record_by_subject ON consent_record (site, subject, recorded_at)"
        " WHERE subject IS NOT NULL"
    )


def _rights(connection: sa.Connection) -> list[Any]:
    """Statements that give a new table the owner of the old one, and to others what they may do with it."""
    return list(
        connection.scalars(
            sa.text(
                "SELECT format('ALTER TABLE consent_record OWNER TO %I', pg_get_userbyid(relowner))"
                " FROM pg_class WHERE oid = 'consent_record'::regclass "
                "UNION ALL "
                "SELECT format('GRANT %s ON consent_record TO %s', privilege_type,"
                " CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)"
                " FROM pg_class, aclexplode(relacl) WHERE oid = 'consent_record'::regclass AND grantee <> relowner"
            )
        )
    )


def _grant(rights: list[Any]) -> None:
    for statement in rights:
        op.execute(statement)
