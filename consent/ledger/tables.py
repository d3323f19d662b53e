"""The tables of the record store, as SQLAlchemy Core knows them. Alembic migrations make them (:mod:`.migrations`).

Plain types only and no sequence, trigger or default of the database's own, so that PostgreSQL and what speaks its
protocol can take the same tables. Times are whole milliseconds since 1970, UTC. ``recorded_at`` is part of the record's
key because a table partitioned by time needs it there; it never differs from the time in the id.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_has_subject = sa.text("subject IS NOT NULL")

#: What is private of a record: gone when it is erased or purged. ``body`` is what the leaf commits to, byte for byte.
record = sa.Table(
    "consent_record",
    metadata,
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("subject", sa.LargeBinary(16)),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("valid_until", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
    sa.Index(
        "consent_record_by_subject",
        "site",
        "subject",
        "recorded_at",
        sqlite_where=_has_subject,
        postgresql_where=_has_subject,
    ),
)

#: Records that have no index in the log yet. A set, not a cursor: what commits late is not skipped.
pending = sa.Table(
    "consent_pending",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Uuid, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
    sa.Column("commitment", sa.LargeBinary(32), nullable=False),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: The log: what is public of every entry, under its index. Rows never change but for the way to a record that is gone.
leaf = sa.Table(
    "consent_leaf",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("public", sa.Text, nullable=False),
    sa.Column("record_id", sa.Uuid),
    sa.Column("recorded_at", sa.BigInteger),
    sa.Index("consent_leaf_by_record", "record_id", unique=True),
    sqlite_with_rowid=False,
)

#: Hashes of the complete subtrees of 256, 65,536, … leaves, for proofs.
node = sa.Table(
    "consent_node",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

#: How large each site's log is. Who locks the row sequences.
head = sa.Table(
    "consent_head",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("frontier", sa.LargeBinary, nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
)

#: The newest signed checkpoint, and those that were handed to somebody outside.
checkpoint = sa.Table(
    "consent_checkpoint",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signed_at", sa.BigInteger, nullable=False),
    sa.Column("anchored_at", sa.BigInteger),
    sa.Column("anchored_to", sa.Text),
)

#: What the site declared, and since when.
edition = sa.Table(
    "consent_edition",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("since", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger),
)

#: Subjects whose receipts of before ``not_before`` count no more, until none could count anyhow.
revocation = sa.Table(
    "consent_revocation",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("subject", sa.LargeBinary(16), primary_key=True),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Index("consent_revocation_by_time", "site", "added_at"),
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
    sa.Column("position", sa.BigInteger),
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

#: What is counted of days that are not over, and how many contributors each counter had at least.
audience = sa.Table(
    "consent_audience",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("dimension", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("contributors", sa.Integer, nullable=False),
)

#: What may be read of days that are over, for as long as it is kept. The dimension "" says that the day was closed.
audience_day = sa.Table(
    "consent_audience_day",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("dimension", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
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
