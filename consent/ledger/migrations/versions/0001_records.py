"""Records, notices, submissions and counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
branch_labels = ("ledger",)
down_revision = None


def upgrade() -> None:
    op.create_table(
        "consent_record",
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
    )
    op.create_index("consent_record_by_time", "consent_record", ["site", "recorded_at", "record_id"])
    op.create_index("consent_record_by_subject", "consent_record", ["site", "subject", "recorded_at"])
    op.create_table(
        "consent_notice",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("first_shown", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("html", sa.Text, nullable=False),
    )
    op.create_table(
        "consent_submission",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("request", sa.Text, primary_key=True),
        sa.Column("before", sa.Text, primary_key=True),
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("consent_submission_by_time", "consent_submission", ["site", "recorded_at"])
    op.create_table(
        "consent_audience",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("dimension", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("consent_audience", "consent_submission", "consent_notice", "consent_record"):
        op.drop_table(table)
