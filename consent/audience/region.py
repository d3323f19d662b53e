"""From an address to a region; nothing else leaves. The only module that opens a database of countries.

The address is cut to its network (/24, /48) before it is looked up, and no error and no log line carries it: what the
readers of such databases say quotes it.

A file that is written over in place, while it is mapped into memory, ends the process. So what is mapped is a copy of
this process's own, without a name.

Sources: MaxMind DB File Format Specification 2.0; EDPB Guidelines 01/2025 on pseudonymisation (coarsening); ISO 3166-1
and -2.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import maxminddb

from . import embedded
from .network import network

_LOG = logging.getLogger("consentry")

#: The region of whoever is not to be found.
UNKNOWN = "unknown"
#: What databases say that is no country: of alliances, of nobody.
_NO_COUNTRY = frozenset({"AP", "EU", "XX", "ZZ"})
_COUNTRY = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}")

#: Where Linux lets a process open again what it has open, whether it has a name or not.
_BY_NUMBER = Path("/proc/self/fd")
_PREFIX = "consentry-"
#: A prime: multiples of it, as addresses, keep meeting other networks.
_SPREAD = 65_521
_AT_ONCE = 1 << 20

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Database:
    """What is known of a database that is in use.

    :param kind: What it calls itself.
    :param built: The day on which its data was put together, UTC.
    :param path: The operator's file; ``None`` for the one that ships with the package.
    """

    kind: str
    built: date
    path: Path | None


@dataclass(frozen=True, slots=True)
class _Open:
    """A database in use. The reader closes itself when nobody has it any more."""

    get: Callable[[str], Any]
    has_ipv6: bool
    about: Database


class Regions:
    """Looks regions up. Any number of threads may, also while the file is replaced.

    Reads GeoIP2 and GeoLite2 (Country, City), what has their shape, and flat databases with a ``country_code``.

    :param path: The operator's file; ``None`` for the countries that ship with the package, which are unpacked when
        first needed.
    :param subdivisions: Codes of the countries of which :meth:`of` tells ``DE-BY``, where the database can.
    """

    def __init__(self, path: Path | None = None, *, subdivisions: Collection[str] = ()) -> None:
        self._path = path
        self._subdivisions = frozenset(subdivisions)
        self._open: _Open | None = None
        self._tried: _Stamp | None = None
        self._failed = False

    def of(self, address: str) -> str:
        """The region of the network of *address*: ``DE``, ``DE-BY``, or :data:`UNKNOWN`. Never raises."""
        return self.at(network(address))

    def at(self, packed: bytes | None) -> str:
        """The same of a network, as :func:`~.network.network` gives it. Never raises."""
        return _region(self._found(packed), subdivisions=self._subdivisions) or UNKNOWN

    def country(self, address: str) -> str | None:
        """ISO 3166-1 alpha-2 code of the country of the network of *address*; ``None`` if unknown. Never raises."""
        return _region(self._found(network(address)))

    def open(self) -> Database:
        """Read the database now, if that has not been done yet.

        :raises OSError: it cannot be read.
        :raises ValueError: it is no such database.
        """
        opened = self._open
        if opened is None:
            opened = self._open = self._read()
        return opened.about

    def undivided(self) -> frozenset[str]:
        """Of the countries told by subdivision, those of which the database has networks and no subdivision at all.

        Looks at up to 65,536 addresses, spread over IPv4, which takes a second or less. A country with few networks
        may be missed.
        """
        met, divided = set[str](), set[str]()
        for number in range(1 << 16):
            found = self.of(_text((number * _SPREAD % (1 << 32)).to_bytes(4, "big")))
            (divided if "-" in found else met).add(found[:2])
            if divided == self._subdivisions:
                break
        return (self._subdivisions & met) - divided

    def refresh(self) -> None:
        """Look whether the operator's file is another one by now, and take that. For a job beside the requests.

        While it is missing or broken everything is unknown, which is said once. Never raises.
        """
        if self._open is None and not self._failed:  # the first look-up opens it
            return
        try:
            if self._is_the_same():
                return
            self._open = self._read()
        except Exception as error:  # noqa: BLE001  # a file of somebody else's: anything may be in it
            self._fails(error)
            self._open = None
        else:
            if self._failed:
                _LOG.warning("the database of regions can be used again")
            self._failed = False

    def _is_the_same(self) -> bool:
        return self._open is not None if self._path is None else _stamp(self._path.stat()) == self._tried

    def _read(self) -> _Open:
        if self._path is None:
            return _embedded()
        self._tried = None  # what the system refuses now it may allow later
        stamp = _stamp(self._path.stat())
        try:
            opened = _from_file(self._path)
        except ValueError:
            self._tried = stamp  # no use to look again before it is another file
            raise
        self._tried = stamp
        return opened

    def _found(self, packed: bytes | None) -> Any:  # whatever the operator's database holds
        if packed is None:
            return None
        try:
            opened = self._open
            if opened is None:
                if self._failed:
                    return None
                self.open()
                opened = self._open
            if opened is None or (len(packed) == 16 and not opened.has_ipv6):
                return None
            return opened.get(_text(packed))
        except Exception as error:  # noqa: BLE001  # and its text may hold the address
            self._fails(error)
            return None

    def _fails(self, error: Exception) -> None:
        said, self._failed = self._failed, True
        if not said:
            _LOG.error("the database of regions cannot be used, regions are unknown: %s", type(error).__name__)


def networks(path: Path) -> Iterator[tuple[int, int, int, str]]:
    """What the database in *path* says of countries, network by network, in order: for building another one from it.

    :returns: Version (4 or 6), first and last address as numbers, country.
    :raises OSError: it cannot be read.
    :raises ValueError: it is no such database.
    """
    with _reader(path) as reader:
        try:
            for whole, record in reader:
                found = _region(record)
                if found is not None:
                    yield whole.version, int(whole.network_address), int(whole.broadcast_address), found
        except maxminddb.InvalidDatabaseError:
            raise ValueError("a broken MaxMind database") from None


def _from_file(path: Path) -> _Open:
    with path.open("rb") as source:
        before = _stamp(os.fstat(source.fileno()))
        opened = _mapped(source, path)
        if _stamp(os.fstat(source.fileno())) != before:
            raise ValueError("the file changed while it was read")
    return opened


def _embedded() -> _Open:
    with embedded.unpacked() as source:
        return _mapped(source, None)


def _mapped(source: IO[bytes], path: Path | None) -> _Open:
    """A reader of a copy of *source* that nobody else can change, and that is gone with the process."""
    with _copied(source) as copy:
        reader = _reader(copy)
    about = reader.metadata()
    try:
        built = datetime.fromtimestamp(about.build_epoch, UTC).date()
    except (OverflowError, OSError):
        raise ValueError("not a MaxMind database: its date is none") from None
    return _Open(reader.get, about.ip_version == 6, Database(about.database_type, built, path))


@contextlib.contextmanager
def _copied(source: IO[bytes]) -> Iterator[Path]:
    """Where a copy of *source* can be opened meanwhile. It has no name while it is filled, so nothing can leave it."""
    if _BY_NUMBER.is_dir():
        with tempfile.TemporaryFile(prefix=_PREFIX) as copy:
            shutil.copyfileobj(source, copy, _AT_ONCE)
            copy.flush()
            yield _BY_NUMBER / str(copy.fileno())
        return
    handle, name = tempfile.mkstemp(prefix=_PREFIX)  # it stays if the process is killed right here
    try:
        with os.fdopen(handle, "wb") as named:
            shutil.copyfileobj(source, named, _AT_ONCE)
        yield Path(name)
    finally:
        with contextlib.suppress(OSError):  # where an open file cannot be removed, it stays
            Path(name).unlink()


def _reader(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # broken files make it raise errors of many kinds
        raise ValueError(f"not a MaxMind database: {type(error).__name__}") from None


def _stamp(seen: os.stat_result) -> _Stamp:
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size


def _text(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _region(record: Any, *, subdivisions: frozenset[str] = frozenset()) -> str | None:  # see _found
    if not isinstance(record, dict):
        return None
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code", country)
    if not isinstance(code, str) or not _COUNTRY.fullmatch(code) or code in _NO_COUNTRY:
        return None
    if code in subdivisions:
        parts = record.get("subdivisions")
        part = parts[0].get("iso_code") if isinstance(parts, list) and parts and isinstance(parts[0], dict) else None
        if isinstance(part, str) and _SUBDIVISION.fullmatch(part):
            return f"{code}-{part}"
    return code
