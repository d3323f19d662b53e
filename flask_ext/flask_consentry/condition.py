"""How the ledger of one application is: what waits, what is signed, what is wrong. For operators and their monitoring.

Looks and changes nothing: no table is made, no key, no file. Not how the process is: see :mod:`.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from consent import ConfigError, ConsentError
from consent.ledger import LogStatus
from consent.ledger.keys import signers
from consent.ledger.spool import SpoolStatus

from .state import State

#: How long a record or an answer may wait until somebody should look: everything is shipped and sequenced sooner.
PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """See the module.

    :param store: The database, without a password.
    :param reachable: Whether the store can be read and its tables are what they should be.
    :param schema: Versions of its tables, one of each branch; none where it was never used, ``None`` where it cannot be
        asked.
    :param log: ``None`` where the store cannot be read, or was never used.
    :param spool: ``None`` where it cannot be used.
    :param keys: Ids of the keys that this host signs with; ``None`` where they cannot be read.
    :param signed_by: Ids of the keys that signed the newest checkpoint.
    :param failures: What could not be found out, and why.
    """

    now: datetime
    store: str
    engine: str
    reachable: bool
    schema: tuple[str, ...] | None = None
    log: LogStatus | None = None
    spool: SpoolStatus | None = None
    key_source: str = ""
    keys: tuple[str, ...] | None = None
    signed_by: tuple[str, ...] = ()
    failures: tuple[str, ...] = field(default=())

    @property
    def waiting(self) -> timedelta:
        """How long the record that waits longest has waited for its index."""
        since = self.log.waiting_since if self.log else None
        return max(timedelta(0), self.now - since) if since else timedelta(0)

    @property
    def spooled(self) -> timedelta:
        """How long the answer that waits longest in the spool has been there."""
        since = self.spool.oldest if self.spool else None
        return max(timedelta(0), self.now - since) if since else timedelta(0)

    @property
    def lag(self) -> int:
        """Records and entries that no signed checkpoint covers yet."""
        return self.log.size - self.log.checkpoint_size + self.log.pending if self.log else 0

    @property
    def is_anchored(self) -> bool:
        """Whether any checkpoint was ever handed out. Nobody has to do anything about it now."""
        return bool(self.log and self.log.anchored_at)

    @property
    def is_key_lost(self) -> bool:
        """Whether nobody can go on signing the log: of SQLite's there is no other host that could."""
        return bool(self.log and self.log.checkpoint and self.keys == () and self.engine == "SQLite")

    def problems(self) -> Iterator[str]:
        """What is broken: somebody has to do something now."""
        yield from self.failures
        if self.log and self.log.size and self.log.checkpoint is None:
            yield f"the log was never signed. {self._signing}"
        if self.is_key_lost:
            remedy = "Put a copy of it there. If there is none, run: flask consent keys new, then: flask consent seal"
            yield f"the key that signed the log is not in {self.key_source}: nothing new is signed. {remedy}"
        if self.spool and 2 * self.spool.bytes >= self.spool.cap:
            remedy = "Bring the store back, or raise CONSENT_SPOOL_CAP"
            yield f"the spool is more than half full: once it is full, answers are lost. {remedy}"

    def warnings(self) -> Iterator[str]:
        """What should not be so for long."""
        if self.waiting > PATIENCE:
            remedy = "Does the site run, with CONSENT_BACKGROUND? If it does not, run: flask consent seal"
            yield f"a record has waited {_seconds(self.waiting)} for its index. {remedy}"
        if self.spooled > PATIENCE:
            yield f"an answer has waited {_seconds(self.spooled)} in the spool. Can the site reach the store?"
        if self.spool and self.spool.refused:
            remedy = "To try once more, run: flask consent seal. If that does not help, look into the log of the site"
            yield f"the store would not have {_count(self.spool.refused, 'answer')}, set aside in the spool. {remedy}"
        yield from self._unsigned()
        if self.keys and self.signed_by and not set(self.keys) & set(self.signed_by):
            yield "the newest checkpoint was signed by another key than those here. Auditors need both public keys"

    def _unsigned(self) -> Iterator[str]:
        """Entries that no checkpoint covers; a host that has no key leaves them to the others for a while."""
        log = self.log
        if log is None or log.signed_at is None or log.checkpoint_size >= log.size or self.is_key_lost:
            return
        number = log.size - log.checkpoint_size
        said = f"{number} entries are not signed" if number > 1 else "1 entry is not signed"
        silence = self.now - log.signed_at
        if self.keys:
            yield f"{said}. {self._signing}"
        elif silence > PATIENCE:
            remedy = f"Does a host run that has the key? There is none in {self.key_source}"
            yield f"{said}, and nothing was signed for {_seconds(silence)}. {remedy}"

    @property
    def _signing(self) -> str:
        if self.keys:
            return "Run: flask consent seal"
        if self.keys is None:
            return "The keys cannot be read"
        return f"There is no key in {self.key_source}. Run: flask consent keys new, then: flask consent seal"


def look(state: State) -> Condition:
    """The condition of *state*'s ledger now."""
    ledger, failures = state.ledger, list[str]()
    reachable = True
    log: LogStatus | None = None
    schema: tuple[str, ...] | None = None
    spool: SpoolStatus | None = None
    keys: tuple[str, ...] | None = None
    try:
        schema = ledger.database.current()
        if schema:
            log = ledger.sequencer.status()
        elif ledger.database.is_postgresql:
            raise ConfigError(f"{ledger.database.name} has no tables yet. Run: flask consent db upgrade")
    except ConsentError as error:
        reachable = False
        failures.append(str(error))
    try:
        ledger.spool.check()
        spool = ledger.spool.status()
    except ConsentError as error:
        failures.append(str(error))
    try:
        keys = tuple(key.public.id for key in ledger.keys.read())
    except ConsentError as error:
        failures.append(str(error))
    return Condition(
        now=state.clock(),
        store=ledger.database.name,
        engine="PostgreSQL" if ledger.database.is_postgresql else "SQLite",
        reachable=reachable,
        schema=schema,
        log=log,
        spool=spool,
        key_source=ledger.keys.source,
        keys=keys,
        signed_by=signers(log.checkpoint) if log and log.checkpoint else (),
        failures=tuple(failures),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} seconds"
