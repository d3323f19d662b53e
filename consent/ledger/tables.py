"""The tables of the record store, as SQLAlchemy Core knows them. Alembic migrations make them (:mod:`.migrations`).

Plain types only and no sequence, trigger or default of the database's own, so that PostgreSQL and what speaks its
protocol can take the same tables. Times are whole milliseconds since 1970, UTC. ``recorded_at`` is part of the record's
key because a table partitioned by time needs it there; it never differs from the time in the id.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

record = sa.Table(
    "consent_record",
    metadata,
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("subject", sa.LargeBinary(16)),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("services", sa.Text, nullable=False),
    sa.Column("duration", sa.Text, nullable=False),
    sa.Column("valid_until", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("policy_hash", sa.Text, nullable=False),
    sa.Column("notice", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("surface", sa.Text, nullable=False),
    sa.Column("gpc", sa.Boolean, nullable=False),
    sa.Column("gpc_conflict", sa.Boolean, nullable=False),
    sa.Column("gpc_overridden", sa.Boolean, nullable=False),
    sa.Column("jurisdiction", sa.Text),
    sa.Column("device_class", sa.Text),
    sa.Column("browser", sa.Text),
    sa.Column("supersedes", sa.Uuid),
    sa.Column("sdk_version", sa.Text, nullable=False),
    sa.Index("consent_record_by_time", "site", "recorded_at", "record_id"),
    sa.Index("consent_record_by_subject", "site", "subject", "recorded_at"),
)

notice = sa.Table(
    "consent_notice",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("first_shown", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("html", sa.Text, nullable=False),
)

submission = sa.Table(
    "consent_submission",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("before", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Uuid, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Index("consent_submission_by_time", "site", "recorded_at"),
)

audience = sa.Table(
    "consent_audience",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("dimension", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

sighting = sa.Table(
    "consent_sighting",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("directive", sa.Text, primary_key=True),
    sa.Column("page", sa.Text, primary_key=True),
    sa.Column("first_day", sa.Text, nullable=False),
    sa.Column("last_day", sa.Text, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
)
