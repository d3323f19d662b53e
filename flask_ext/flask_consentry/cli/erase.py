"""``flask consent erase``: one visitor's records go, and the log says that something went."""

from __future__ import annotations

import json
from contextlib import suppress

import click

from consent import StoreError
from consent.ledger import Erased

from .. import signals
from ..state import State
from .running import app, confirm, count, within
from .visitor import named


@click.command("erase")
@click.option("--receipt", metavar="CODE", help='The code on the visitor\'s page "Your recorded choice"; - to read it.')
@click.option("--subject", metavar="HEX", help="The subject in the records, 32 hexadecimal digits; - to read it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@within
def erase(state: State, receipt: str | None, subject: str | None, *, yes: bool, as_json: bool) -> None:
    """Withdraw what a visitor still grants, and delete all records of it.

    The log keeps that entries were erased, and which; not what was in them. This cannot be undone.
    """
    found = named(state, receipt, subject)
    if found is None:
        raise click.UsageError("name the visitor by --receipt or by --subject, one of the two")
    ledger, now = state.ledger, state.clock()
    with suppress(StoreError):  # a store that is away says so next, and a broken spool stands in nobody's way
        ledger.shipper.ship_all_of(found)  # so that what waits on this host is counted, too
    records = len(ledger.store.records_of(found))
    confirm(f"Erase {count(records, 'record')} of this visitor for good?", yes=yes)
    done = ledger.eraser.erase_subject(found, now=now, receipts_end=state.policy.lifetime.after(now))
    signals.send(app(), signals.subject_erased, records=done.records, withdrew=done.withdrew)
    if as_json:
        facts = {"records": done.records, "withdrew": done.withdrew, "spooled": done.spooled, "traces": done.traces}
        click.echo(json.dumps(facts))
    else:
        _tell(done)


def _tell(done: Erased) -> None:
    """What became of it, and what did not."""
    click.echo(f"{count(done.records, 'record')} erased; the log says so.")
    if done.withdrew:
        click.echo("The visitor still granted something: that was withdrawn first.")
    if done.spooled:
        click.echo(f"{count(done.spooled, 'answer')} that the store would not have: deleted from this host's spool.")
    if done.traces:
        click.echo("Bytes of them may still be on this host's disk: a file is in use, or the spool cannot be written.")
        click.echo("The site tries again within 10 minutes, and flask consent seal at once.")
    click.echo("The visitor's cookie stops working on every host within 10 seconds. Records of the visitor that still")
    click.echo("wait on another host will be erased when they come in, and what was set aside there within 10 minutes.")
    click.echo("Backups and exports that were made before still have them.")
