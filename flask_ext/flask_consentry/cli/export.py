"""``flask consent export``: the records as a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

import click
from flask.cli import with_appcontext

from consent import StoreError
from consent.ledger import export as exports

from . import application

if TYPE_CHECKING:
    _ParamType = click.ParamType[datetime]
else:
    _ParamType = click.ParamType  # generic from click 8.4 on; older ones are allowed


class _Moment(_ParamType):
    """A day or a moment in ISO 8601; UTC where no offset is given."""

    name = "iso-8601"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f'{value!r} is no date; write "2026-03-03" or "2026-03-03T12:00+01:00"', param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
@click.option("--since", type=_Moment(), help="Records from this day or moment on (ISO 8601, UTC).")
@click.option("--until", type=_Moment(), help="Records before this day or moment.")
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", atomic=True),
    default="-",
    help="A file. Default: standard output.",
)
@with_appcontext
def export(form: str, since: datetime | None, until: datetime | None, output: TextIO) -> None:
    """Write the records, oldest first.

    ndjson is the exact form, with the notices that visitors saw and the reasons of what is necessary; csv is for
    looking at.
    """
    state = application.state()
    records = state.store.records(since=since, until=until)
    lines: Iterable[str] = exports.to_csv(records)
    if form == "ndjson":
        lines = exports.ndjson(records, state.store.notices(), policy=state.policy)
    try:
        output.writelines(lines)
    except StoreError as error:
        raise click.ClickException(f"{error}: {error.__cause__}") from None
