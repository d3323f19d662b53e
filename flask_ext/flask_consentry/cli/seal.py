"""``flask consent seal``: give all that waits its place in the log, and sign it; close the audience's days."""

from __future__ import annotations

import json

import click

from .. import publishing, signals
from ..jobs import close
from ..state import State
from .running import app, count, within


@click.command("seal")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@within
def seal(state: State, *, as_json: bool) -> None:
    """Sequence and sign all that waits now.

    The site does this by itself, unless CONSENT_BACKGROUND is off. Exits with 1 if the log is not signed to its
    end then: there is something new, and no key on this host to sign it with. Answers that the store would not have are
    tried once more; late records of erased visitors are erased. Days of the audience that are over are closed.
    """
    ledger = state.ledger
    publishing.publish(app(), now=state.clock())
    ledger.spool.try_again(site=ledger.store.site)
    shipped = batch = ledger.shipper.ship()
    while batch:
        batch = ledger.shipper.ship()
        shipped += batch
    before = ledger.sequencer.status().checkpoint
    done = ledger.sequencer.seal_all(state.clock())
    erased = ledger.eraser.sweep(now=state.clock())
    closed = close(state)
    refused = ledger.spool.status().refused
    after = ledger.sequencer.status()
    if after.checkpoint != before:
        signals.send(app(), signals.checkpoint_signed, size=after.checkpoint_size)
    signed = after.checkpoint is not None and after.checkpoint_size == after.size
    if as_json:
        said = {"size": after.size, "added": done.added, "shipped": shipped, "set_aside": refused, "erased": erased}
        said |= {"days_closed": closed}
        click.echo(json.dumps(said | {"signed": signed, "checkpoint": after.checkpoint}, indent=2))
    else:
        click.echo(f"{count(after.size, 'entry')} in the log, {done.added} of them new.")
        if erased:
            click.echo(f"{count(erased, 'record')} of erased visitors had come in late: erased, too.")
        if closed:
            click.echo(f"{count(closed, 'day')} of the audience closed.")
        if refused:
            click.echo(f"The store still would not have {count(refused, 'answer')}: set aside in {ledger.spool.path}.")
        if signed:
            click.echo(f"\n{after.checkpoint}", nl=False)
    if not signed:
        remedy = "Run: flask consent keys new, or run this command on a host that has the key"
        raise click.ClickException(f"the log is not signed: there is no key in {ledger.keys.source}. {remedy}")
