"""``flask consent erase``: one visitor's records go, and the log says that something went."""

from __future__ import annotations

import json

import click

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
    records = len(state.ledger.store.records_of(found))
    confirm(f"Erase {count(records, 'record')} of this visitor for good?", yes=yes)
    done = state.ledger.eraser.erase_subject(found, now=state.clock())
    signals.send(app(), signals.subject_erased, records=done.records, withdrew=done.withdrew)
    if as_json:
        click.echo(json.dumps({"records": done.records, "withdrew": done.withdrew}))
        return
    click.echo(f"{count(done.records, 'record')} erased; the log says so.")
    if done.withdrew:
        click.echo("The visitor still granted something: that was withdrawn first.")
    click.echo("The visitor's cookie stops working on every host within 10 seconds. Records of the visitor that still")
    click.echo(
        "wait somewhere will be erased when they come in. Backups and exports that were made before still have them."
    )
