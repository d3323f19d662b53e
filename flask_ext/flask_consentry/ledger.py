"""The ledger of one application: what keeps, sequences, signs and erases its records, wired together.

Nothing here opens a database or starts a thread; that happens on first use, in the process that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Flask

from consent import Policy, StoreError
from consent.ledger import Counts, Database, Eraser, Sequencer, Store
from consent.ledger.keys import Keyring
from consent.ledger.revocations import Revocations, Row
from consent.ledger.shipper import Shipper
from consent.ledger.spool import Spool
from consent.ledger.writer import Writer

from . import signals
from .config import Settings
from .kinds import Clock, Entropy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """See the module."""

    database: Database
    store: Store
    counts: Counts
    keys: Keyring
    sequencer: Sequencer
    eraser: Eraser
    spool: Spool
    writer: Writer
    shipper: Shipper
    revocations: Revocations

    def close(self) -> None:
        """Let go of threads, files and connections; the next use opens them again."""
        self.writer.close()
        self.spool.close()
        self.database.close()


def build(app: Flask, settings: Settings, policy: Policy, *, clock: Clock, entropy: Entropy) -> Ledger:
    """Wire the ledger of *app*.

    :raises ConfigError: the store's URL is wrong.
    """
    database = Database(settings.store_url)
    store = Store(database, policy.site)

    def may_make() -> bool:
        """Several hosts would each make a key; a log that was signed has one already."""
        return not database.is_postgresql and sequencer.status().checkpoint is None

    path = settings.signing_key or Path(app.instance_path, f"consent-signing-{policy.site}.key")
    keys = Keyring(path, settings.signing_key_text, policy.site, may_make=may_make, entropy=entropy)
    sequencer = Sequencer(database, policy.site, keys)
    spool = Spool(settings.spool, cap_bytes=settings.spool_cap, clock=clock)
    writer = Writer(store, spool, clock=clock, timeout=settings.store_timeout, on_event=signals.from_writer(app))
    seen: list[bool] = []

    def revoked(since: datetime | None) -> Iterator[Sequence[Row]]:
        """Nothing where nothing was ever kept; a file that was there and is gone is a store that is away."""
        if database.exists:
            yield from store.revocations(added_since=since)
            seen[:] = [True]
        elif seen:
            raise StoreError(f"{database.name} is not there any more")

    return Ledger(
        database=database,
        store=store,
        counts=Counts(database, policy.site),
        keys=keys,
        sequencer=sequencer,
        eraser=Eraser(store, sequencer, entropy=entropy, spool=spool),
        spool=spool,
        writer=writer,
        shipper=Shipper(spool, store, clock=clock),
        revocations=Revocations(revoked, clock, alone=not settings.background),
    )
