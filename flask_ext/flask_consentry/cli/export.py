"""``flask consent export``: the records as a file that can be verified, looked at, or handed to another system."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consent.ledger import Event
from consent.ledger.export import Declarations, Selection

from ..state import State
from .exporting import Export, Exporting
from .running import within
from .visitor import named

if TYPE_CHECKING:
    _MomentType = click.ParamType[datetime]
else:
    _MomentType = click.ParamType  # generic from click 8.4 on; older ones are allowed


class _Moment(_MomentType):
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
@click.option(
    "--format",
    "form",
    type=click.Choice(["ndjson", "csv", "dpv", "kantara"]),
    default="ndjson",
    show_default=True,
    help="ndjson can be verified; csv is for looking at; dpv is ISO/IEC TS 27560 as JSON-LD; kantara holds receipts of "
    "given consents.",
)
@click.option("--since", type=_Moment(), help="Records from this day or moment on (ISO 8601, UTC).")
@click.option("--until", type=_Moment(), help="Records before this day or moment.")
@click.option("--purpose", "purposes", multiple=True, metavar="ID", help="Records about it. May be repeated.")
@click.option("--event", "events", multiple=True, type=click.Choice([one.value for one in Event]), help="Repeatable.")
@click.option("--receipt", metavar="CODE", help="Records of the visitor who has this receipt code; - to read it.")
@click.option("--subject", metavar="HEX", help="Records of one subject, as its records name it; - to read it.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="NOTEFILE",
    help="Make a selection provable against this earlier checkpoint. May be repeated.",
)
@click.option(
    "--output",
    default="-",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A file, replaced when the export is whole. Default: standard output.",
)
@click.option("--resume", is_flag=True, help="Go on with an export that broke off (FILE.part).")
@click.option("--quiet", is_flag=True, help="Say nothing but what goes wrong.")
@within
def export(
    state: State,
    /,
    *,
    form: str,
    checkpoints: tuple[Path, ...],
    output: Path,
    resume: bool,
    quiet: bool,
    **selected: Any,
) -> None:
    """Write the records, in the order of the log. What waits is sequenced and signed first.

    An ndjson export holds everything that `consentry verify` needs; a selection verifies as PARTIAL. A file is made for
    its owner alone: it holds personal data.
    """
    target = None if str(output) == "-" else output
    if form != "ndjson" and (resume or checkpoints):
        raise click.UsageError("--resume and --checkpoint are for ndjson; the other formats are begun anew, unproved")
    if resume and target is None:
        raise click.UsageError("--resume needs the --output of the export that broke off")
    selection = _selection(state, **selected)
    wanted = Export(form=form, selection=selection, checkpoints=checkpoints, target=target, resume=resume)
    Exporting(state, wanted, quiet=quiet).run()


def _selection(
    state: State,
    *,
    purposes: tuple[str, ...],
    events: tuple[str, ...],
    receipt: str | None,
    subject: str | None,
    **others: Any,
) -> Selection:
    visitor = named(state, receipt, subject)
    known = Declarations(state.policy, state.ledger.store.editions()).purposes
    for purpose in purposes:
        if purpose not in known:
            raise click.UsageError(f"--purpose: {purpose!r} was never declared. Declared are: {', '.join(known)}")
    return Selection(purposes=frozenset(purposes), events=frozenset(map(Event, events)), subject=visitor, **others)
