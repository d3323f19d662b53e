"""How many contributors a counter had, and what is published of days that are over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Of what was counted before nobody knows how many contributed: none is what shows nothing of it.
    with op.batch_alter_table("consent_audience") as table:
        table.add_column(sa.Column("contributors", sa.Integer, nullable=False, server_default="0"))
    with op.batch_alter_table("consent_audience") as table:  # the default was only for them
        table.alter_column("contributors", server_default=None, existing_type=sa.Integer(), existing_nullable=False)
    op.create_table(
        "consent_audience_day",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("dimension", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
