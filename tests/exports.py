"""Exports as a site would hand them out, made without a database: small ones to tamper with, large ones to time.

Everything follows from the seeds below, so that a failure repeats.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from consent.proof import canonical, checkpoint, leaf, lines, manifest, merkle
from consent.proof.checkpoint import Checkpoint
from consent.proof.manifest import Manifest
from consent.proof.note import SigningKey

SITE = "example.org"
ORIGIN = "example.org/consent"
KEY = SigningKey.generate(ORIGIN, bytes(range(32)))
#: A key that nobody gave to the auditor, under the same name.
STRANGER = SigningKey.generate(ORIGIN, bytes(range(32, 64)))
MADE_AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
TEXT = '{"kind":"question","sentences":["Dürfen wir zählen?"]}'
HTML = "<section><h2>Dürfen wir zählen?</h2></section>"
NOTICE = sha256(TEXT.encode()).hexdigest()


def body_of(moment: datetime, randomness: bytes, **fields: object) -> bytes:
    """A record as the log commits to it: one that was given at *moment*, but for *fields*."""
    number = int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62
    number |= int.from_bytes(randomness[:2], "big") % 4096 << 64 | int.from_bytes(randomness[2:9], "big")
    value: dict[str, object] = {
        "browser": None,
        "device_class": None,
        "duration": "lasting",
        "event": "given",
        "gpc": False,
        "gpc_conflict": False,
        "gpc_overridden": False,
        "jurisdiction": "DE",
        "language": "de",
        "method": "save",
        "notice": NOTICE,
        "policy_hash": "ab" * 8,
        "purposes": {"marketing": False, "media": True},
        "record_id": str(uuid.UUID(int=number)),
        "recorded_at": moment.isoformat(timespec="milliseconds"),
        "revision": "2026-01",
        "sdk_version": "0.4.0",
        "services": ["matomo", "youtube"],
        "site": SITE,
        "subject": randomness[:16].hex(),
        "supersedes": None,
        "surface": "banner",
        "valid_until": (moment + timedelta(days=180)).isoformat(timespec="seconds"),
    }
    return canonical.encode(value | fields)


@dataclass
class Entry:
    """One leaf with what is behind it."""

    public: bytes
    body: bytes | None = None
    salt: bytes | None = None
    notice: tuple[str, str] | None = None
    edition: bytes | None = None

    def line(self, index: int, proof: Iterable[bytes] | None = None) -> bytes:
        """The leaf as it stands in an export."""
        hashes = None if proof is None else tuple(proof)
        if self.notice:
            return lines.notice_line(index, self.public, *self.notice, hashes)
        if self.edition:
            return lines.edition_line(index, self.public, self.edition, hashes)
        return lines.leaf_line(index, self.public, body=self.body, salt=self.salt, proof=hashes)


@dataclass
class Log:
    """A site's log in memory."""

    site: str = SITE
    key: SigningKey = KEY
    seed: int = 4
    entries: list[Entry] = field(default_factory=list)
    waiting: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._now = BEGIN

    def record(self, *, days: float = 0, **fields: object) -> int:
        """Add a record, *days* after the one before and a second; returns its index."""
        body, salt = self._drawn_up(days, fields)
        self.entries.append(Entry(leaf.record(leaf.commitment(salt, body), self.today), body, salt))
        return len(self.entries) - 1

    def wait(self, **fields: object) -> None:
        """Add a record that the log has not taken up yet."""
        self.waiting.append(self._drawn_up(0, fields))

    def notice(self, text: str = TEXT, html: str = HTML, language: str = "de") -> int:
        """Add the words of a notice."""
        digests = {"digest": sha256(text.encode()).hexdigest(), "html": sha256(html.encode()).hexdigest()}
        public = leaf.notice(**digests, language=language, revision="2026-01", day=self.today)
        self.entries.append(Entry(public, notice=(text, html)))
        return len(self.entries) - 1

    def edition(self, **fields: object) -> int:
        """Add an edition of the policy."""
        value: dict[str, object] = {
            "languages": ["de"],
            "necessary": [],
            "notices": {"de": NOTICE},
            "policy_hash": "ab" * 8,
            "purposes": ["external_media", "marketing", "statistics"],
            "revision": "2026-01",
            "sdk_version": "0.4.0",
            "services": [{"id": "matomo", "name": "Matomo", "provider": "us", "purpose": "statistics"}],
            "since": self._now.isoformat(timespec="seconds"),
            "site": self.site,
        }
        body = canonical.encode(value | fields)
        self.entries.append(Entry(leaf.edition(sha256(body).hexdigest(), self.today), edition=body))
        return len(self.entries) - 1

    def erase(self, index: int) -> int:
        """Delete the opening of *index*, and say so."""
        self.close(index)
        self.entries.append(Entry(leaf.erasure(index, self.today)))
        return len(self.entries) - 1

    def purge(self, before: str) -> int:
        """Delete the openings of days before *before*, and say so."""
        gone = [i for i, e in enumerate(self.entries) if e.body and leaf.parse(e.public).day < before]
        for index in gone:
            self.close(index)
        self.entries.append(Entry(leaf.purge(before, len(gone), self.today)))
        return len(self.entries) - 1

    def close(self, index: int) -> None:
        """Delete an opening, and say nothing."""
        self.entries[index].body = self.entries[index].salt = None

    @property
    def today(self) -> str:
        """The day of the latest record."""
        return self._now.date().isoformat()

    def subtree(self, level: int, position: int) -> bytes:
        """The tree, computed anew each time."""
        if not level:
            return leaf.hash_of(self.entries[position].public)
        below = self.subtree(level - 1, 2 * position), self.subtree(level - 1, 2 * position + 1)
        return merkle.node_hash(*below)

    def root(self, size: int | None = None) -> bytes:
        """The root of the first *size* leaves."""
        publics = [entry.public for entry in self.entries[:size]]
        return merkle.Range.empty().extended(map(leaf.hash_of, publics)).root

    def checkpoint(self, size: int | None = None, *, keys: Iterable[SigningKey] = ()) -> str:
        """A signed checkpoint of the first *size* leaves."""
        size = len(self.entries) if size is None else size
        return checkpoint.sign(Checkpoint(self.key.name, size, self.root(size)), [*keys] or [self.key])

    def header(self, **changed: Any) -> bytes:
        """The first line of an export."""
        given: dict[str, Any] = {"origin": self.key.name, "site": self.site, "made_at": MADE_AT}
        if "checkpoint" not in changed:
            given["checkpoint"] = self.checkpoint()
        return lines.header_line(**given | changed)

    def lines(self, *, only: Collection[int] | None = None, old: Iterable[int] = (), **header: Any) -> list[bytes]:
        """Every line but the manifest.

        :param only: The indexes that a filtered export holds.
        :param old: Sizes that the header proves consistency with.
        """
        size = len(self.entries)
        if only is not None:
            proofs = [(begin, merkle.consistency_proof(begin, size, self.subtree)) for begin in old]
            header = {"filter": {"event": "withdrawn"}, "consistency": proofs} | header
        made = [self.header(**header)]
        for index, entry in enumerate(self.entries):
            if only is None:
                made.append(entry.line(index))
            elif index in only:
                made.append(entry.line(index, merkle.inclusion_proof(index, size, self.subtree)))
        return made + [lines.unsequenced_line(*opening) for opening in self.waiting]

    def export(self, **options: Any) -> bytes:
        """The whole file."""
        return self.signed(self.lines(**options))

    def signed(self, written: list[bytes], *, key: SigningKey | None = None, **changed: Any) -> bytes:
        """The *written* lines with a manifest that fits them, but for what is *changed*."""
        counted = counts(written, len(self.entries), self.root().hex(), (key or self.key).name)
        return b"".join(written) + lines.manifest_line(manifest.sign(Manifest(**counted | changed), [key or self.key]))

    def _drawn_up(self, days: float, fields: Mapping[str, object]) -> tuple[bytes, bytes]:
        self._now += timedelta(days=days, seconds=1)
        body = body_of(self._now, self._chance.randbytes(16), **{"site": self.site, **fields})
        return body, self._chance.randbytes(32)


def later(days: float) -> str:
    """The day that many days after the first record."""
    return (BEGIN + timedelta(days=days)).date().isoformat()


def counts(written: Iterable[bytes], size: int, root: str, origin: str = ORIGIN) -> dict[str, Any]:
    """What a manifest says of the *written* lines, the header among them."""
    total, digest = {"bytes": 0, "leaves": 0, "lines": 0, "records": 0, "unsequenced": 0}, sha256()
    for line in written:
        digest.update(line)
        total["bytes"] += len(line)
        total["lines"] += 1
        if line.endswith(b'"type":"leaf"}\n'):
            total["leaves"] += 1
            total["records"] += b'"salt":"' in line[-96:]
        total["unsequenced"] += line.endswith(b'"type":"unsequenced"}\n')
    return {"origin": origin, "size": size, "root": root, "sha256": digest.hexdigest(), **total}


def small() -> Log:
    """Twelve leaves with one of everything, a purge and a record that waits."""
    log = Log()
    log.edition()
    log.notice()
    log.record(event="given")
    log.record(event="refused", subject=None, services=[], purposes={"statistics": False})
    purged = log.record(days=1)
    withdrawn = log.record(days=40, event="withdrawn", services=[], purposes={"statistics": False})
    erased = log.record(event="renewed")
    log.purge(later(30))
    log.erase(erased)
    log.record(notice=None, language=None)
    log.record(days=2, subject=None, event="refused")
    log.record()
    log.wait()
    assert log.entries[purged].body is None
    assert log.entries[withdrawn].body is not None
    return log


def large(count: int, *, seed: int = 5) -> Log:
    """About *count* leaves in memory; one record in 50 erased, and some words."""
    log = Log(seed=seed)
    log.edition()
    log.notice()
    while len(log.entries) < count:
        index = log.record(days=0.001)
        if index % 50 == 0:
            log.erase(index)
    log.wait()
    return log


def write(path: Path, count: int, *, old: Iterable[int] = ()) -> list[str]:
    """Write an export of *count* records to *path* in constant memory, and return checkpoints of the sizes *old*."""
    edition = Log()
    edition.edition()
    edition.notice()
    body_path, wanted, notes = path.with_suffix(".leaves"), sorted(old), list[str]()
    tree, hashes = merkle.Range.empty(), list[bytes]()
    with body_path.open("wb") as leaves:
        for index, entry in enumerate(_entries(edition.entries, count)):
            leaves.write(entry.line(index))
            hashes.append(leaf.hash_of(entry.public))
            if len(hashes) == 4096 or index + 1 in wanted:
                tree, hashes = tree.extended(hashes), []
            if index + 1 in wanted:
                notes.append(checkpoint.sign(Checkpoint(ORIGIN, tree.end, tree.root), [KEY]))
    tree = tree.extended(hashes)
    head = edition.header(checkpoint=checkpoint.sign(Checkpoint(ORIGIN, tree.end, tree.root), [KEY]))
    with body_path.open("rb") as leaves, path.open("wb") as file:
        total = counts(_teed([head], leaves, file), tree.end, tree.root.hex())
        file.write(lines.manifest_line(manifest.sign(Manifest(**total), [KEY])))
    body_path.unlink()
    return notes


def _entries(first: Iterable[Entry], count: int) -> Iterator[Entry]:
    yield from first
    chance, moment = random.Random(6), BEGIN
    pattern = body_of(moment, bytes(16)).replace(b"%", b"%%")
    for value, place in (
        (f'"record_id":"{_id_of(pattern)}"'.encode(), b'"record_id":"%b"'),
        (b'"recorded_at":"' + moment.isoformat(timespec="milliseconds").encode() + b'"', b'"recorded_at":"%b"'),
        (b'"subject":"' + b"0" * 32 + b'"', b'"subject":"%b"'),
    ):
        assert value in pattern
        pattern = pattern.replace(value, place)
    for _ in range(count):
        moment += timedelta(milliseconds=chance.randrange(1, 60_000))
        number = int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0x2 << 62
        number |= chance.getrandbits(12) << 64 | chance.getrandbits(62)
        hexed = f"{number:032x}"
        dashed = f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"
        at = moment.isoformat(timespec="milliseconds")
        body = pattern % (dashed.encode(), at.encode(), chance.randbytes(16).hex().encode())
        salt = chance.randbytes(32)
        yield Entry(leaf.record(leaf.commitment(salt, body), at[:10]), body, salt)


def _id_of(body: bytes) -> str:
    return str(canonical.decode(body)["record_id"])


def _teed(first: Iterable[bytes], rest: Iterable[bytes], file: Any) -> Iterator[bytes]:
    for part in (first, rest):
        for line in part:
            file.write(line)
            yield line
