"""The log: every record under its index in a tree, records as the bytes that the tree commits to, revocations.

Rows of the old table become records with a salt of their own, in the order of their time, and wait to be sequenced.
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from consent.proof import canonical
from consent.proof.leaf import commitment

revision = "0003"
down_revision = "0002"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    connection = op.get_bind()
    # In PostgreSQL the names of indexes and keys belong to the schema, not to the table.
    op.drop_index("consent_record_by_time", "consent_record")
    op.drop_index("consent_record_by_subject", "consent_record")
    op.rename_table("consent_record", "consent_record_0002")
    if connection.dialect.name == "postgresql":
        op.execute("ALTER INDEX consent_record_pkey RENAME TO consent_record_0002_pkey")
    record = _record()
    pending = _log()
    _move(connection, record, pending)
    op.drop_table("consent_record_0002")
    op.add_column("consent_notice", sa.Column("position", sa.BigInteger))


def _record() -> sa.Table:
    made = op.create_table(
        "consent_record",
        sa.Column("record_id", sa.Uuid, primary_key=True),
        sa.Column("recorded_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("subject", sa.LargeBinary(16)),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("valid_until", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
    )
    where = sa.text("subject IS NOT NULL")
    op.create_index(
        "consent_record_by_subject",
        "consent_record",
        ["site", "subject", "recorded_at"],
        sqlite_where=where,
        postgresql_where=where,
    )
    return made


def _log() -> sa.Table:
    pending = op.create_table(
        "consent_pending",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("record_id", sa.Uuid, primary_key=True),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("commitment", sa.LargeBinary(32), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consent_leaf",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("record_id", sa.Uuid),
        sa.Column("recorded_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("consent_leaf_by_record", "consent_leaf", ["record_id"], unique=True)
    op.create_table(
        "consent_node",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consent_head",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "consent_checkpoint",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("signed_at", sa.BigInteger, nullable=False),
        sa.Column("anchored_at", sa.BigInteger),
        sa.Column("anchored_to", sa.Text),
    )
    op.create_table(
        "consent_edition",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger),
    )
    op.create_table(
        "consent_revocation",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("subject", sa.LargeBinary(16), primary_key=True),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("erased", sa.Boolean, nullable=False),
    )
    op.create_index("consent_revocation_by_time", "consent_revocation", ["site", "added_at"])
    return pending


def _move(connection: sa.Connection, record: sa.Table, pending: sa.Table) -> None:
    old = sa.table("consent_record_0002", *(sa.column(name, kind) for name, kind in _OLD.items()))
    after: tuple[Any, ...] = (-1, uuid.UUID(int=0))
    while True:
        later = sa.tuple_(old.c.recorded_at, old.c.record_id) > sa.tuple_(*map(sa.literal, after))
        query = sa.select(old).where(later).order_by(old.c.recorded_at, old.c.record_id).limit(1000)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        if not rows:
            return
        bodies = [canonical.encode(_body(row)) for row in rows]
        salts = [os.urandom(32) for _ in rows]
        kept = ("record_id", "recorded_at", "site", "subject", "event", "valid_until")
        connection.execute(
            sa.insert(record),
            [
                {name: row[name] for name in kept} | {"body": body.decode(), "salt": salt}
                for row, body, salt in zip(rows, bodies, salts, strict=True)
            ],
        )
        connection.execute(
            sa.insert(pending),
            [
                {name: row[name] for name in ("site", "record_id", "recorded_at")}
                | {"commitment": commitment(salt, body), "added_at": row["recorded_at"]}
                for row, body, salt in zip(rows, bodies, salts, strict=True)
            ],
        )
        after = (rows[-1]["recorded_at"], rows[-1]["record_id"])


_AS_IT_IS = (
    "browser",
    "device_class",
    "duration",
    "event",
    "gpc",
    "gpc_conflict",
    "gpc_overridden",
    "jurisdiction",
    "language",
    "method",
    "notice",
    "policy_hash",
    "revision",
    "sdk_version",
    "site",
    "surface",
)
_OLD: dict[str, Any] = {
    **dict.fromkeys(_AS_IT_IS, sa.Text()),
    **dict.fromkeys(("gpc", "gpc_conflict", "gpc_overridden"), sa.Boolean()),
    **dict.fromkeys(("record_id", "supersedes"), sa.Uuid()),
    **dict.fromkeys(("recorded_at", "valid_until"), sa.BigInteger()),
    **dict.fromkeys(("purposes", "services"), sa.Text()),  # that hold JSON
    "subject": sa.LargeBinary(16),
}


def _body(row: dict[str, Any]) -> dict[str, Any]:
    """What a record of this version says, written out here: a migration may not change with the code."""
    recorded, until = (_EPOCH + timedelta(milliseconds=row[name]) for name in ("recorded_at", "valid_until"))
    return {name: row[name] for name in _AS_IT_IS} | {
        "record_id": str(row["record_id"]),
        "subject": row["subject"].hex() if row["subject"] else None,
        "recorded_at": recorded.isoformat(timespec="milliseconds"),
        "valid_until": until.isoformat(timespec="seconds"),
        "purposes": json.loads(row["purposes"]),
        "services": json.loads(row["services"]),
        "supersedes": str(row["supersedes"]) if row["supersedes"] else None,
    }
