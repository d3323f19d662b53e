"""Where entries wait on this host's own disk while the store cannot take them.

What :meth:`Spool.put` returned for is durable. All processes of the host share the file, which is made on first need.
It is bounded, and it is no second store: entries leave it as soon as the store has them (:mod:`.shipper`), and nothing
of them stays behind.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ConfigError, SpoolFull, StoreError
from .entry import Entry, KeptNotice
from .lock_file import locked
from .moments import milliseconds, moment
from .per_process import PerProcess
from .record import Record
from .spool_file import REMEDY, SpoolFile
from .submissions import repeats

__all__ = ["CAP_BYTES", "Spool", "SpoolFull", "SpoolStatus"]

#: Room for about 200,000 entries.
CAP_BYTES = 256 * 2**20

#: Whose an entry is, in hexadecimal, or NULL; spelt like this wherever the index is to be used.
_SUBJECT = "CASE WHEN json_valid(body) THEN json_extract(body, '$.record.subject') END"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY, record_id TEXT NOT NULL UNIQUE, site TEXT NOT NULL, request TEXT NOT NULL,
    before TEXT NOT NULL, added_at INTEGER NOT NULL, body TEXT NOT NULL, notice TEXT
);
CREATE INDEX IF NOT EXISTS entry_by_request ON entry (site, request);
CREATE INDEX IF NOT EXISTS entry_by_subject ON entry (site, {_SUBJECT});
CREATE TABLE IF NOT EXISTS notice (
    digest TEXT PRIMARY KEY, language TEXT NOT NULL, revision TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY, record_id TEXT NOT NULL UNIQUE, site TEXT NOT NULL, request TEXT NOT NULL,
    before TEXT NOT NULL, added_at INTEGER NOT NULL, body TEXT NOT NULL, notice TEXT, reason TEXT NOT NULL
);
"""
_COLUMNS = "record_id, site, request, before, added_at, body, notice"
_PUT = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608  # constants
_SET_ASIDE = (
    f"INSERT INTO refused ({_COLUMNS}, reason) SELECT {_COLUMNS}, ? FROM entry WHERE record_id = ?"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)
_TRY_AGAIN = (
    f"INSERT INTO entry ({_COLUMNS}) SELECT {_COLUMNS} FROM refused WHERE ?1 IS NULL OR site = ?1 ORDER BY number"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)
_ERASE = tuple(f"DELETE FROM {table} WHERE site = ? AND {_SUBJECT} = ?" for table in ("entry", "refused"))  # noqa: S608
_HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStatus:
    """How full the spool is.

    :param rows: Entries that wait for the store.
    :param refused: Entries that the store will not have, set aside for somebody to look at.
    :param bytes: What all of them take up.
    :param oldest: Since when the first has waited; ``None`` if none does.
    :param cap: The most bytes that there may be.
    """

    rows: int
    refused: int
    bytes: int
    oldest: datetime | None
    cap: int


class _Own:
    """What one process knows of the spool."""

    def __init__(self) -> None:
        self.shipping = threading.Lock()
        self.is_half_full = False


class Spool:
    """See the module.

    :param cap_bytes: The most bytes that the file may have.
    :param clock: Returns the current time, aware.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        cap_bytes: int = CAP_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = SpoolFile(Path(path), tables=_TABLES, cap_bytes=cap_bytes)
        self._clock = clock
        self._own = PerProcess(_Own)
        #: Called when half the cap is passed, once each time, in the thread that did it.
        self.on_half_full: Callable[[SpoolStatus], object] | None = None

    @property
    def path(self) -> Path:
        """The file, which need not be there."""
        return self._file.path

    def put(self, entry: Entry) -> Record:
        """Keep *entry*, unless it repeats a submission that waits here; durable on return.

        :return: The record of what is kept: *entry*'s, or the earlier one.
        :raises SpoolFull: the cap is reached.
        :raises StoreError: the file cannot be written.
        """
        with self._file.writing() as connection:
            earlier = _earlier(connection, entry)
            if earlier is not None:
                return earlier
            if entry.notice is not None:
                notice = entry.notice
                values = (notice.digest, notice.language, notice.revision, notice.text, notice.html)
                connection.execute("INSERT INTO notice VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)
            connection.execute(_PUT, self._row(entry))
            crossed = self._crosses_half(connection)
        if crossed and self.on_half_full is not None:
            with suppress(StoreError):  # the entry is safe all the same
                self.on_half_full(self.status())
        return entry.record

    def holds(self, subject: bytes, *, site: str) -> bool:
        """Whether an entry of *subject* waits here.

        :raises StoreError: the file cannot be read.
        """
        query = f"SELECT 1 FROM entry WHERE site = ? AND {_SUBJECT} = ? LIMIT 1"  # noqa: S608  # constants
        with self._file.reading() as connection:
            return connection is not None and connection.execute(query, (site, subject.hex())).fetchone() is not None

    def batch(self, size: int, *, site: str | None = None, subject: bytes | None = None) -> list[Entry]:
        """The entries that have waited longest, oldest first; they stay until they are :meth:`done`.

        :param site: Only of this one: several sites may share a spool.
        :param subject: Only of this one; goes with *site*.
        :raises StoreError: the file cannot be read.
        """
        mine, values = "?1 IS NULL OR site = ?1", [site, size]  # so that it is read in order, by no index
        if subject is not None:
            mine, values = f"site = ?1 AND {_SUBJECT} = ?3", [*values, subject.hex()]
        query = f"SELECT record_id, body, notice FROM entry WHERE {mine} ORDER BY number LIMIT ?2"  # noqa: S608
        with self._file.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(query, values).fetchall()
            notices = {digest: _notice(connection, digest) for digest in {row[2] for row in rows} if digest}
        entries = []
        for record_id, body, digest in rows:
            try:
                entries.append(Entry.from_json(body, notices.get(digest)))
            except ValueError:
                self._set_aside(record_id, "unreadable")
        return entries

    def done(self, records: Iterable[Record]) -> None:
        """Forget the entries of *records*, which the store has.

        :raises StoreError: they may still be here.
        """
        with self._file.writing() as connection:
            ids = [(record.record_id.hex,) for record in records]
            connection.executemany("DELETE FROM entry WHERE record_id = ?", ids)
            is_empty = self._tidy(connection)
        with suppress(StoreError):  # somebody is at it; the next time will do
            self._file.forget_deleted(shrink=is_empty)

    def erase(self, subjects: Collection[bytes], *, site: str) -> tuple[int, bool]:
        """Delete every entry of *subjects*, whether it waits or was set aside.

        :return: How many entries, and whether nothing of them stays behind: if not, see :meth:`forget_deleted`.
        :raises StoreError: they may still be here.
        """
        theirs = [(site, subject.hex()) for subject in subjects]
        if not theirs or not self.path.exists():
            return 0, True
        with self._file.writing() as connection:
            waiting, refused = (connection.executemany(query, theirs).rowcount for query in _ERASE)
            is_empty = self._tidy(connection)
        is_clean = False
        with suppress(StoreError):
            is_clean = self._file.forget_deleted(shrink=is_empty)
        return waiting + refused, is_clean

    def forget_deleted(self) -> bool:
        """Leave nothing of deleted entries in the file's write-ahead log, without waiting for who reads.

        :return: Whether nothing is left.
        :raises StoreError: the file cannot be written.
        """
        return self._file.forget_deleted(wait=False)

    def subjects_set_aside(self, *, site: str) -> set[bytes]:
        """Whose entries were set aside.

        :raises StoreError: the file cannot be read.
        """
        query = f"SELECT DISTINCT {_SUBJECT} FROM refused WHERE site = ?"  # noqa: S608  # constants
        with self._file.reading() as connection:
            rows = [] if connection is None else connection.execute(query, (site,)).fetchall()
        return {bytes.fromhex(found) for (found,) in rows if isinstance(found, str) and _HEX.fullmatch(found)}

    def set_aside(self, record: Record, reason: str) -> None:
        """Let the entry of *record*, which the store will not have, hold up no other.

        :param reason: Without anything that was in the entry.
        :raises StoreError: it could not be noted.
        """
        self._set_aside(record.record_id.hex, reason)

    def try_again(self, *, site: str | None = None) -> int:
        """Put all that was set aside back among what waits; how many that were.

        :param site: Only of this one: several sites may share a spool.
        :raises StoreError: it could not be done.
        """
        if not self.status().refused:
            return 0
        with self._file.writing() as connection:
            connection.execute(_TRY_AGAIN, (site,))
            return connection.execute("DELETE FROM refused WHERE ?1 IS NULL OR site = ?1", (site,)).rowcount

    def status(self) -> SpoolStatus:
        """How full it is.

        :raises StoreError: the file cannot be read.
        """
        cap = self._file.cap_bytes
        with self._file.reading() as connection:
            if connection is None:
                return SpoolStatus(rows=0, refused=0, bytes=0, oldest=None, cap=cap)
            rows, since = connection.execute("SELECT count(*), min(added_at) FROM entry").fetchone()
            (refused,) = connection.execute("SELECT count(*) FROM refused").fetchone()
            used = self._file.used(connection)
        oldest = None if since is None else moment(since)
        return SpoolStatus(rows=rows, refused=refused, bytes=used, oldest=oldest, cap=cap)

    def check(self) -> None:
        """Do nothing if entries can wait here.

        :raises ConfigError: they cannot.
        """
        try:
            folder = next((parent for parent in self.path.absolute().parents if parent.exists()), Path("/"))
            place = self.path if self.path.exists() else folder
            is_good = folder.is_dir() and not self.path.is_dir() and os.access(place, os.W_OK)
        except OSError:  # behind a folder that is closed to this user
            is_good = False
        if not is_good:
            raise ConfigError(f"{REMEDY}; {self.path} cannot be written")
        try:
            self.status()
        except StoreError as error:
            raise ConfigError(str(error) if REMEDY in str(error) else f"{REMEDY}; {error}") from None
        finally:
            self.close()  # a server may fork now

    @contextmanager
    def shipping(self) -> Iterator[bool]:
        """Whether this thread alone, of all on this host, takes entries to the store until the end of the block.

        Where there is no spool yet, there is nothing to take, and no file is made.
        """
        own = self._own()
        if not own.shipping.acquire(blocking=False):
            yield False
            return
        try:
            if not self.path.exists():
                yield True
                return
            with locked(self.path.with_name(self.path.name + "-shipping")) as is_alone:
                yield is_alone
        finally:
            own.shipping.release()

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._file.close()

    def _row(self, entry: Entry) -> tuple[object, ...]:
        return (
            entry.record.record_id.hex,
            entry.record.site,
            entry.submission.request,
            entry.submission.before,
            milliseconds(self._clock()),
            entry.to_json(),
            entry.notice.digest if entry.notice else None,
        )

    def _crosses_half(self, connection: sqlite3.Connection) -> bool:
        own = self._own()
        was, own.is_half_full = own.is_half_full, 2 * self._file.used(connection) >= self._file.cap_bytes
        return own.is_half_full and not was

    def _tidy(self, connection: sqlite3.Connection) -> bool:
        """Forget words that nobody needs any more once nothing waits; whether nothing does."""
        is_empty = connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone() is None
        if is_empty:
            unused = "NOT EXISTS (SELECT 1 FROM refused WHERE refused.notice = notice.digest)"
            connection.execute(f"DELETE FROM notice WHERE {unused}")  # noqa: S608
        self._crosses_half(connection)
        return is_empty

    def _set_aside(self, record_id: str, reason: str) -> None:
        with self._file.writing() as connection:
            connection.execute(_SET_ASIDE, (reason, record_id))
            connection.execute("DELETE FROM entry WHERE record_id = ?", (record_id,))


def _earlier(connection: sqlite3.Connection, entry: Entry) -> Record | None:
    """The record that waits here for the same submission."""
    query, values = (
        "SELECT body FROM entry WHERE site = ? AND request = ?",
        [entry.record.site, entry.submission.request],
    )
    if not entry.unchanged:
        query, values = query + " AND before = ?", [*values, entry.submission.before]
    for (body,) in connection.execute(query + " ORDER BY number DESC", values):
        try:
            earlier = Entry.from_json(body).record
        except ValueError:
            continue
        if earlier.record_id == entry.record.record_id or repeats(entry.record, earlier):
            return earlier
    return None


def _notice(connection: sqlite3.Connection, digest: str) -> KeptNotice | None:
    query = "SELECT language, revision, text, html FROM notice WHERE digest = ?"
    found = connection.execute(query, (digest,)).fetchone()
    if found is None:
        return None
    language, revision, text, html = found
    return KeptNotice(digest=digest, language=language, revision=revision, text=text, html=html)
