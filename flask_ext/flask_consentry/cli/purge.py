"""``flask consent purge``: records that are older than the site keeps them go, and the log says so."""

from __future__ import annotations

import calendar
import json
from datetime import UTC, date, datetime, time, timedelta

import click

from consent import Lifetime

from ..state import State
from .running import confirm, count, within


@click.command("purge")
@click.option("--older-than", metavar="LENGTH", help='"36 months", "P3Y". Default: the policy\'s [record] retention.')
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@within
def purge(state: State, older_than: str | None, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete the records that are older than the site keeps them.

    A record whose answer still stands is never deleted. Notices, editions and the log itself stay. This cannot be
    undone.
    """
    kept_for, now = _kept_for(state, older_than), state.clock()
    if kept_for < state.policy.lifetime:
        said = "this is less than the policy's lifetime: records go as soon as their answer ends"
        click.echo(f"warning: {said}, and nobody can show a consent that has just ended.", err=True)
    before = last_day(kept_for, now)
    there = _count(state, before, now)
    if dry_run:
        gone = 0
    else:
        if there:
            confirm(f"Delete {count(there, 'record')} of before {before} for good?", yes=yes)
        gone = state.ledger.eraser.purge(before, now=now) if there else 0
    if as_json:
        click.echo(json.dumps({"before": before.isoformat(), "found": there, "deleted": gone}))
    elif dry_run:
        click.echo(f"{count(there, 'record')} of before {before} would be deleted.")
    else:
        click.echo(f"{count(gone, 'record')} of before {before} deleted" + ("; the log says so." if gone else "."))


def last_day(kept_for: Lifetime, now: datetime) -> date:
    """The day before which every record is at least that old.

    >>> last_day(Lifetime(months=1), datetime(2026, 3, 31, 12, tzinfo=UTC))
    datetime.date(2026, 2, 28)
    """
    number = now.year * 12 + now.month - 1 - kept_for.months
    year, month = number // 12, number % 12 + 1
    day = min(now.day, calendar.monthrange(year, month)[1])
    return (now.astimezone(UTC).replace(year=year, month=month, day=day) - timedelta(seconds=kept_for.seconds)).date()


def _kept_for(state: State, older_than: str | None) -> Lifetime:
    if older_than is None:
        if state.policy.retention is None:
            remedy = 'Write [record] retention = "36 months" into the policy, or give --older-than "36 months"'
            raise click.UsageError(f"nobody says how long records are kept. {remedy}")
        return state.policy.retention
    try:
        return Lifetime.parse(older_than)
    except ValueError as error:
        raise click.UsageError(f"--older-than: {error}") from None


def _count(state: State, before: date, now: datetime) -> int:
    """How many records the purge would delete."""
    edge = datetime.combine(before, time(), tzinfo=UTC)
    return sum(record.valid_until <= now for record in state.ledger.store.records(until=edge))
