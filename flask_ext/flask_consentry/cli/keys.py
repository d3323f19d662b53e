"""``flask consent keys``: the keys that sign the log, private ones here and public ones to hand out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from consent import ConfigError
from consent.ledger.keys import SEED_BYTES, add_key, new_key_file, signers
from consent.proof.checkpoint import claimed
from consent.proof.note import VerifyingKey

from ..state import State
from .running import within


@click.group("keys")
def keys() -> None:
    """Make, list and replace the keys that sign the log."""


@keys.command("new")
@click.option("--name", help="What the log is called. Default: the policy's site.")
@click.option("--output", type=click.Path(path_type=Path), help="The file. Default: CONSENT_SIGNING_KEY.")
@within
def new(state: State, name: str | None, output: Path | None) -> None:
    """Make a key, in a file that is not there yet.

    Prints the public key, to hand out. The private one stays in the file.
    """
    ring = state.ledger.keys
    if output is None and ring.from_text:
        raise click.UsageError(
            f"the keys are read from {ring.source}. Name a file with --output, and put its key there"
        )
    note = _newest_note(state)
    origin = claimed(note).origin if note else None
    if name is not None and origin not in (None, name):
        raise click.UsageError(f"the log is called {origin} already, and a key of another name cannot go on with it")
    path = output or ring.path
    key = new_key_file(path, name or origin or ring.name, state.entropy(SEED_BYTES))
    click.echo(f"The private key is in {path}. Keep a copy in a safe place elsewhere: nobody can make it again.")
    if output is not None and output.absolute() != ring.path.absolute() and not ring.from_text:
        click.echo(f"The site reads {ring.path}: set CONSENT_SIGNING_KEY to the new file, or its key is never used.")
    if note:
        said = "Until now the log was signed by another key. Auditors need both public keys: do not lose the old one."
        click.echo(f"{said} (It was {', '.join(signers(note))}.)")
    click.echo("The public key, to hand out:\n")
    click.echo(key.public.encode())


@keys.command("list")
@click.option("--public", is_flag=True, help="Only the public keys, as consentry verify --key takes them.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@within
def listing(state: State, *, public: bool, as_json: bool) -> None:
    """Show the public keys, oldest first, and which of them signed the newest checkpoint."""
    found = [key.public for key in state.ledger.keys.read()]
    if public:
        if not found:
            raise ConfigError(_none(state))
        click.echo("\n".join(key.encode() for key in found))
        return
    note = _newest_note(state)
    signed = signers(note) if note else ()
    if as_json:
        click.echo(json.dumps(_described(state, found, signed), indent=2))
        return
    if not found:
        click.echo(_none(state))
    for key in found:
        click.echo(f"{key.encode()}  {_used(key, signed, found)}".rstrip())
    for missing in signed:
        if missing not in {key.id for key in found}:
            click.echo(f"{missing} signed the newest checkpoint and is not in {state.ledger.keys.source}.")


@keys.command("rotate")
@within
def rotate(state: State) -> None:
    """Add a new key beside the old one, which goes on signing until its line is deleted."""
    ring = state.ledger.keys
    if ring.from_text:
        remedy = "Run: flask consent keys new --output FILE, and add its key to that text, after the others"
        raise ConfigError(f"the keys are read from {ring.source}, which cannot be changed from here. {remedy}")
    old = ring.read()
    if not old:
        raise ConfigError(_none(state))
    made = add_key(ring.path, state.entropy(SEED_BYTES))
    ids = " and ".join(key.public.id for key in (*old, made))
    click.echo(f"A new key is in {ring.path}. Keep a copy of the file in a safe place elsewhere.")
    click.echo(f"From the next checkpoint on, {ids} all sign. To sign one now, run: flask consent seal")
    click.echo("Hand the new public key to everybody who has the old one:\n")
    click.echo(made.public.encode())
    click.echo(
        "\nWhen all of them have it, and a checkpoint with both signatures was handed out (flask consent anchor),"
    )
    click.echo(f"you may delete the old line from {ring.path}. Whoever checks what was signed before still")
    click.echo(f"needs the old public key:\n\n{old[-1].public.encode()}")


def _newest_note(state: State) -> str | None:
    """The newest checkpoint, where the store can be asked for it."""
    database = state.ledger.database
    return state.ledger.sequencer.status().checkpoint if database.current() else None


def _none(state: State) -> str:
    return f"there is no key in {state.ledger.keys.source}. Run: flask consent keys new"


def _used(key: VerifyingKey, signed: tuple[str, ...], found: list[VerifyingKey]) -> str:
    said = ["newest"] if len(found) > 1 and key == found[-1] else []
    return ", ".join(said + (["signed the newest checkpoint"] if key.id in signed else []))


def _described(state: State, found: list[VerifyingKey], signed: tuple[str, ...]) -> dict[str, object]:
    return {
        "source": state.ledger.keys.source,
        "keys": [{"id": key.id, "public": key.encode(), "signed_newest": key.id in signed} for key in found],
        "signed_by": list(signed),
    }
