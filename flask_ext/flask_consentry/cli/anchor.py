"""``flask consent anchor``: hand the newest checkpoint to somebody outside, who can show if the log is rewritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from consent import ConfigError, ConsentError

from .. import anchoring, mail
from ..state import State
from .running import count, reason, within


@click.group("anchor")
def anchor() -> None:
    """Hand the newest checkpoint to somebody outside.

    Only who holds a checkpoint that the site cannot change can show that the log was not rewritten since.
    """


@anchor.command("file")
@click.argument("path", type=click.Path(path_type=Path))
@within
def to_file(state: State, path: Path) -> None:
    """Append it to a file, or put it into a folder as a file of its own.

    The place should be one that the site cannot write again: a write-once bucket, another host.
    """
    _hand_out(state, lambda note: anchoring.to_file(path, note))


@anchor.command("command", context_settings={"ignore_unknown_options": True})
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="Seconds."
)
@click.option(
    "--pass-env",
    "given",
    metavar="NAME",
    multiple=True,
    help="A variable of the environment that the command is to have, too; 'AWS_*' for all that begin so. Repeatable.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@within
def to_command(state: State, command: tuple[str, ...], timeout: float, given: tuple[str, ...]) -> None:
    """Run a command with it on standard input; write -- before the command.

    It counts as handed out if the command ends with 0. No shell is used. Of the environment the command has what
    programs need to run (PATH, HOME, USER, LANG, TZ, TMPDIR, SSH_AUTH_SOCK, GNUPGHOME, the proxies and the like) and
    nothing else, so that it learns no secret of the site's: add with --pass-env what it logs in with.
    """
    _hand_out(state, lambda note: anchoring.to_command(command, note, timeout=timeout, given=given))


@anchor.command("email")
@click.argument("address")
@within
def by_email(state: State, address: str) -> None:
    """Send it to somebody, such as the data protection officer, through CONSENT_SMTP_URL."""
    if state.settings.smtp_url is None:
        raise ConfigError("no mail server is named. Set CONSENT_SMTP_URL to smtp://user:password@host:port")
    server = mail.Server.parse(state.settings.smtp_url)
    sender = server.sender or state.policy.controller.email
    keys = [key.public for key in state.ledger.keys.read()]

    def send(note: str) -> str:
        return mail.send(server, mail.compose(note, keys, sender=sender, recipient=address, now=state.clock()))

    _hand_out(state, send)


def _hand_out(state: State, hand: Callable[[str], str]) -> None:
    """Give the newest checkpoint to *hand*, which says where it is then, and remember that."""
    sequencer = state.ledger.sequencer
    status = sequencer.status() if state.ledger.database.current() else None
    if status is None or status.checkpoint is None:
        raise click.ClickException("the log was never signed, so there is nothing to hand out. Run: flask consent seal")
    where = hand(status.checkpoint)
    try:
        sequencer.mark_anchored(status.checkpoint_size, where, state.clock(), note=status.checkpoint)
    except ConsentError as error:
        said = f"the checkpoint was handed out ({where}), but that could not be noted"
        raise click.ClickException(f"{said}: {reason(error)}. Do it again when that is mended") from None
    click.echo(f"The checkpoint of {count(status.checkpoint_size, 'entry')} was handed out: {where}.")
    later = status.size - status.checkpoint_size + status.pending
    if later:
        click.echo(
            f"It does not cover {later} that came in later. To cover them, run: flask consent seal, and this again"
        )
