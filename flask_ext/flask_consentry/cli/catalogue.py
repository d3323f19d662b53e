"""``flask consent catalogue``: which services are built in, and what to paste to use one."""

from __future__ import annotations

from collections.abc import Iterator

import click

from consent.policy import catalogue
from consent.policy.catalogue import Entry


@click.command("catalogue")
@click.argument("text", default="")
@click.option("--show", "entry", metavar="ID", help="What to paste for one entry, and where its facts come from.")
def listing(text: str, entry: str | None) -> None:
    """List the built-in services, or those with TEXT in their names, purpose, provider or hosts."""
    click.echo("\n".join(_described(_entry(entry)) if entry else _listed(text)))


def _listed(text: str) -> Iterator[str]:
    rows = [(e.id, e.name, e.purpose, str(e.fields["opens"])) for e in catalogue.search(text)]
    if not rows:
        raise click.ClickException(f"no entry has {text!r} in it; without a text, all are listed")
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _entry(name: str) -> Entry:
    try:
        return catalogue.entry(name)
    except KeyError:
        message = f'the catalogue has no entry "{name}". {catalogue.hint(name)}flask consent catalogue lists all'
        raise click.ClickException(message) from None


def _described(entry: Entry) -> Iterator[str]:
    """TOML from end to end: what is to be pasted, then as comments what it stands for, and who says so."""
    yield entry.pasted
    if entry.alternative:
        yield f"# Without it: {entry.alternative}\n#"
    for fact in entry.facts:
        doubt = "" if fact.sure else ", not certain"
        yield f"# {fact.about}: {fact.source} ({fact.seen}{doubt}){fact.note and '. ' + fact.note}"
    yield "#"
    yield from (f"# {line}".rstrip() for line in entry.source.partition("\n[[facts]]")[0].rstrip().splitlines())
