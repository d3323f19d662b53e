"""How an export runs at a terminal: sealed first, with a bar, resumable, every failure as a line with its remedy."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import click
from flask import url_for

from consent import StoreError
from consent.ledger import Snapshot, snapshot
from consent.ledger.export import (
    Declarations,
    Ndjson,
    NotResumableError,
    Part,
    Progress,
    Records,
    Selection,
    Unfinished,
    csv_table,
    dpv,
    is_stream,
    kantara,
    resume,
    unfinished,
)
from consent.proof import merkle
from consent.proof.checkpoint import Checkpoint, claimed
from consent.proof.errors import FormatError
from consent.proof.note import SigningKey

from .. import publishing, signals
from ..state import State
from .running import app, count, reason

#: Longest file that is read as a checkpoint.
_LONGEST_NOTE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is asked for.

    :param checkpoints: Files.
    :param target: ``None`` for standard output.
    :param resume: Whether to go on with what is left of an earlier attempt.
    """

    form: str
    selection: Selection
    checkpoints: tuple[Path, ...]
    target: Path | None
    resume: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """What an export is made of.

    :param sizes: Of checkpoints that somebody holds.
    """

    log: Snapshot
    declarations: Declarations
    keys: Sequence[SigningKey]
    sizes: Sequence[int]


class Exporting:
    """One export on its way."""

    def __init__(self, state: State, wanted: Export, *, quiet: bool) -> None:
        self._state = state
        self._wanted = wanted
        self._quiet = quiet
        self._now = state.clock()

    def run(self) -> None:
        """Do it.

        :raises ClickException: it could not be done.
        :raises ConsentError: likewise.
        """
        ledger = self._state.ledger
        keys = ledger.keys()
        if self._wanted.form == "ndjson" and not keys:
            remedy = "Run: flask consent keys new, or run this command on a host that has the key"
            raise click.ClickException(f"an export is signed, and there is no key in {ledger.keys.source}. {remedy}")
        self._seal(keys)
        declarations = Declarations(self._state.policy, ledger.store.editions())
        with snapshot(ledger.database, self._state.policy.site) as log:
            if log.has_later_erasures(log.size):
                remedy = "Run: flask consent seal, on a host that has the key"
                raise click.ClickException(f"records were erased since the log was last signed. {remedy}")
            source = _Source(log, declarations, keys, self._sizes(log))
            target = self._wanted.target
            if target is None or is_stream(target):
                self._stream(source)
            else:
                self._file(target, source)

    def _seal(self, keys: Sequence[SigningKey]) -> None:
        """Take up what waits, as far as that can be done here."""
        ledger = self._state.ledger
        try:
            publishing.publish(app(), now=self._now)
            while ledger.spool.path.exists() and ledger.shipper.ship():
                pass
            if keys:
                before = ledger.sequencer.status().checkpoint
                ledger.sequencer.seal_all(self._now)
                ledger.eraser.sweep(now=self._now)  # of erased subjects nothing that came in late goes out
                after = ledger.sequencer.status()
                if after.checkpoint != before:
                    signals.send(app(), signals.checkpoint_signed, size=after.checkpoint_size)
        except StoreError as error:
            self._say(f"warning: {reason(error)}: exporting up to the last signed checkpoint", always=True)

    def _sizes(self, log: Snapshot) -> list[int]:
        """Sizes of the checkpoints that somebody holds."""
        sizes = []
        for path in self._wanted.checkpoints:
            held = _checkpoint(path)
            if held.origin != log.checkpoint.origin:
                raise click.ClickException(f"{path} is a checkpoint of {held.origin}, not of {log.checkpoint.origin}")
            if held.size > log.size:
                raise click.ClickException(
                    f"{path} is of {held.size} entries, and this log has {log.size}: entries are gone"
                )
            if merkle.root_of(held.size, log.subtree) != held.root:
                self._say(f"warning: {path} is not of this log as it is now; it will verify as DIVERGED", always=True)
            sizes.append(held.size)
        return sizes

    def _stream(self, source: _Source) -> None:
        target = self._wanted.target
        try:
            opened: AbstractContextManager[IO[bytes]] = target.open("wb", buffering=0) if target else _stdout()
            with opened as out, self._bar(source.log.size) as progress:
                for block in self._blocks(source, progress, None)[0]:
                    _write(out, block)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise  # whoever reads has seen enough: click ends without a word
            where = target or "standard output"
            raise click.ClickException(f"{where} cannot be written: {error.strerror}") from None

    def _file(self, target: Path, source: _Source) -> None:
        with unfinished(target, resume=self._wanted.resume) as file, self._kept(file):
            part = self._part(file, source) if self._wanted.resume else None
            file.keep(part.bytes if part else 0)
            with self._bar(source.log.size) as progress:
                blocks, said = self._blocks(source, progress, part)
                for block in blocks:
                    file.write(block)
                file.finish()
        self._say(f"{target}: {said()}")

    def _part(self, file: Unfinished, source: _Source) -> Part | None:
        """What is there already and can be continued."""
        if file.is_empty:
            self._say(f"There is nothing in {file.path} to go on with: starting.")
            return None
        try:
            part = resume.read(file.file)
            resume.check(part, source.log, self._wanted.selection, source.keys, source.sizes)
        except NotResumableError as error:
            self._say(f"{file.path} cannot be continued: {error}. Starting over.", always=True)
            return None
        self._say(f"Going on with {file.path} at entry {part.next} of {part.checkpoint.size}.")
        return part

    def _blocks(
        self, source: _Source, progress: Progress, part: Part | None
    ) -> tuple[Iterator[bytes], Callable[[], str]]:
        """The bytes, and what they hold in words once they are written."""
        log, selection, of = source.log, self._wanted.selection, source.declarations.purpose_of
        if self._wanted.form == "ndjson":
            made = Ndjson(log, selection, of, source.keys, made_at=self._now, sizes=source.sizes, part=part)
            return made.blocks(progress), lambda: _counted(made.written.records, made.written.unsequenced)
        records = Records(log, selection, of, progress)
        blocks = self._shown(records, source.declarations)
        return blocks, lambda: _counted(records.count - records.unsequenced, records.unsequenced)

    def _shown(self, records: Records, declarations: Declarations) -> Iterator[bytes]:
        if self._wanted.form == "csv":
            return csv_table.blocks(records)
        preferences = _url("consentry.preferences")
        if self._wanted.form == "kantara":
            return kantara.blocks(records, declarations, policy_url=preferences)
        receipt = _url("consentry.receipt") if "consentry.receipt" in app().view_functions else None
        site = dpv.Site(preferences=preferences, receipt=receipt)
        return dpv.blocks(records, records.notice_days, declarations, site, now=self._now)

    @contextmanager
    def _kept(self, file: Unfinished) -> Iterator[None]:
        """When the export breaks off: leave what can be continued and say how, delete the rest."""
        can_resume = self._wanted.form == "ndjson"
        how = f"What is there stays in {file.path}, personal data and all: go on with --resume, or delete it."
        try:
            yield
        except BaseException as error:
            if not can_resume:
                file.discard()
            if isinstance(error, KeyboardInterrupt):
                self._say(f"\nStopped. {how if can_resume else 'Nothing was kept.'}", always=True)
                sys.exit(128 + signal.SIGINT)
            if isinstance(error, OSError):
                said = f"{file.path} cannot be written: {error.strerror}. Make room, or name another file."
                raise click.ClickException(f"{said} {how}" if can_resume else said) from None
            raise

    @contextmanager
    def _bar(self, length: int) -> Iterator[Progress]:
        """A bar on a terminal, unless the export itself is shown there."""
        is_shown_there = self._wanted.target is None and sys.stdout.isatty()
        if self._quiet or is_shown_there or not sys.stderr.isatty():
            yield lambda _: None
            return
        with click.progressbar(length=length, label="Exporting", file=sys.stderr) as bar:
            yield lambda done: bar.update(done - bar.pos)

    def _say(self, text: str, *, always: bool = False) -> None:
        if always or not self._quiet:
            click.echo(text, err=True)


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    """Standard output, which stays open; without its buffer, where it has one."""
    yield getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)


def _write(out: IO[bytes], block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[out.write(rest) :]


def _checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file; mail programs may have changed its line ends."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_NOTE).decode("utf-8-sig").replace("\r\n", "\n").lstrip("\n")
        return claimed(text)
    except (OSError, UnicodeDecodeError, FormatError) as error:
        raise click.ClickException(f"{path} is no checkpoint: {error}") from None


def _counted(records: int, unsequenced: int) -> str:
    waiting = f", and {count(unsequenced, 'record')} without a place in the log yet" if unsequenced else ""
    return f"{count(records, 'record')}{waiting}."


def _url(endpoint: str) -> str:
    """A URL where the application knows its own name, else a path."""
    if app().config.get("SERVER_NAME"):
        return url_for(endpoint, _external=True)
    with app().test_request_context():
        return url_for(endpoint)
