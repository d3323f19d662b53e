"""``flask consent db``: the tables of the record. It works where they are not there yet."""

from __future__ import annotations

import click

from consent import ConfigError
from consent.ledger import partitions

from ..state import State
from .running import count, within


@click.group("db")
def db() -> None:
    """Make the tables of the record, and bring them up to date."""


@db.command("upgrade")
@click.option("--partitions", "monthly", is_flag=True, help="PostgreSQL only: a part of the records for each month.")
@click.option(
    "--ahead", type=click.IntRange(0, 120), default=3, show_default=True, help="With --partitions: coming months."
)
@within
def upgrade(state: State, ahead: int, *, monthly: bool) -> None:
    """Make the tables, or bring them up to the newest version.

    SQLite does this by itself. Run it before the new version of the site starts.
    """
    database = state.ledger.database
    if monthly and not database.is_postgresql:
        raise click.UsageError("--partitions: monthly parts are PostgreSQL's. This store is SQLite, and needs none")
    before = database.current()
    database.upgrade()
    after = database.current()
    if after == before:
        click.echo(f"{database.name}: nothing to do, the tables are of version {', '.join(after)}.")
    else:
        click.echo(f"{database.name}: from {', '.join(before) or 'no tables'} to {', '.join(after)}.")
    if monthly:
        done = database.transact(lambda connection: partitions.partition(connection, ahead, now=state.clock()))
        months = ", ".join(map(str, done.months)) or "none was missing"
        click.echo(f"Months added: {months}. {count(done.moved, 'row')} moved.")


@db.command("current")
@within
def current(state: State) -> None:
    """Show the version of the tables. Exits with 1 if they are not the newest, or not there."""
    database = state.ledger.database
    found = database.current()
    click.echo(f"{database.name}: {', '.join(found) or 'no tables'}")
    if not found and not database.is_postgresql:
        return  # SQLite makes them with the first answer
    try:
        database.check()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
