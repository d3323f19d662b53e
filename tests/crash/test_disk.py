"""A disk that is full or read-only, and a store that somebody else has locked, each while visitors answer."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from consent import ConfigError
from consent.ledger import Database
from flask_consentry import Consentry
from tests.crash.audit import Watch, compare
from tests.crash.site import SECRET, Site
from tests.crash.visitors import TRACKER, Readers, Visitors, notice_token, page, post
from tests.policies import SMALL

YES, NO = frozenset({"statistics"}), frozenset[str]()
#: Seconds that the store is locked.
LOCKED = 3
_MIB = 1024 * 1024


class SmallDisk:
    """A disk of some megabytes, in memory, with nothing else on it. Only root can have one.

    It has to hold more than SQLite's write-ahead log, which takes 4 MiB before its pages move on.

    :param folder: Where it is mounted.
    """

    def __init__(self, folder: Path, size: int = 16 * _MIB) -> None:
        self.folder = folder
        folder.mkdir()
        options = f"size={size},mode=0700"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "consentry-test", str(folder)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("only root can make a small disk, where it may mount one")

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as file:
            file.write(b"x" * 16 * _MIB)  # as much of it as there is room for
            while True:
                file.write(b"x")
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self) -> None:
        """Leave room again."""
        (self.folder / "ballast").unlink()

    def make_read_only(self) -> None:
        """Nothing can be written there any more."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)

    def close(self) -> None:
        """Let it go, whoever still uses it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk."""
    made = SmallDisk(tmp_path / "small disk")
    yield made
    made.close()


@pytest.fixture(params=["full disk", "no room in any file"])
def crammed(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Site, Callable[[], None], Callable[[], None]]]:
    """A site whose store and spool are on one disk; what fills it, and what frees it."""
    if request.param == "full disk":
        small: SmallDisk = request.getfixturevalue("disk")
        with _site_on(small.folder / "a site") as site:
            yield site, small.fill, small.free
    else:
        with _site_on(tmp_path / "a site") as site:
            yield site, lambda: site.bound_files(1), lambda: site.bound_files(-1)


@contextmanager
def _site_on(folder: Path) -> Iterator[Site]:
    with Site(folder, workers=1) as site:
        yield site


def _until_refused(visitors: Visitors) -> str:
    """Why the next answer was not taken; what is prepared on the disk may still hold a few."""
    for _ in range(2000):
        failure = visitors.try_one(YES)
        if failure is not None:
            return failure
    raise AssertionError("the disk is full and still every answer is taken")


def test_without_room_anywhere_nothing_is_promised(
    crammed: tuple[Site, Callable[[], None], Callable[[], None]], report: Callable[[str], None]
) -> None:
    """A grant is not taken and does not count, a refusal does, pages go on; with room again, so does everything."""
    site, fill, free = crammed
    visitors, readers = Visitors(site.port), Readers(site.port)
    for purposes in (YES, NO) * 10:
        assert visitors.try_one(purposes) is None
    fill()
    assert _until_refused(visitors) == "status 503"
    token = notice_token(site.port)
    grant = {"answer": "accept_all", "notice": token, "key": "k" * 20}
    status, _, receipt = post(site.port, json.dumps(grant).encode(), None)
    assert (status, receipt) == (503, None)
    status, said, receipt = post(site.port, json.dumps(grant | {"answer": "reject_all"}).encode(), None)
    assert (status, said["decided"], said["recorded"]) == (200, True, False)
    assert TRACKER not in page(site.port, receipt)
    readers.read()
    free()
    end = time.monotonic() + 20
    while visitors.try_one(YES) is not None:
        assert time.monotonic() < end, site.said
        time.sleep(0.2)
    for purposes in (YES, NO) * 10:
        assert visitors.try_one(purposes) is None
    site.ship_all()
    database = Database(f"sqlite:///{site.instance / 'consent.sqlite3'}")
    found = compare(visitors.visitors, Watch(database).finish().decoded())
    database.close()
    report(f"SQLite, no room for store and spool: {found}")
    assert found.lost == found.duplicates == []
    assert "Traceback" not in site.said


@pytest.mark.slow
def test_with_room_for_the_spool_every_answer_is_taken(
    disk: SmallDisk, tmp_path: Path, report: Callable[[str], None]
) -> None:
    """The store's disk is full and this host's own is not: answers wait there, and arrive when there is room."""
    url = f"sqlite:///{disk.folder / 'records.sqlite3'}"
    with Site(tmp_path / "a site", CONSENT_STORE_URL=url) as site:
        visitors, readers = Visitors(site.port, crowd=4, pause=0.01), Readers(site.port)
        with visitors.coming(), readers.coming():
            time.sleep(1)
            disk.fill()
            before, end = site.spooled, time.monotonic() + 30
            while site.spooled < before + 100:
                assert time.monotonic() < end, site.said
                time.sleep(0.1)
            spooled = site.spooled
            disk.free()
        took = site.ship_all()
    database = Database(url)
    found = compare(visitors.visitors, Watch(database).finish().decoded())
    database.close()
    report(f"SQLite, no room for the store: {spooled} answers in the spool, {found}; spool empty after {took:.1f} s")
    assert found.lost == found.duplicates == []
    assert "Traceback" not in site.said
    assert set(visitors.again) <= {"status 503"}


@pytest.mark.slow
def test_a_store_that_is_locked_holds_nobody_up(
    database_url: str, tmp_path: Path, report: Callable[[str], None]
) -> None:
    """Somebody else has the tables for seconds: each answer waits in the spool at once, and all arrive once."""
    database = Database(database_url)
    database.upgrade()
    with Site(tmp_path / "a site", CONSENT_STORE_URL=database_url) as site:
        visitors, readers = Visitors(site.port, crowd=4, pause=0.01), Readers(site.port)
        with visitors.coming(), readers.coming():
            time.sleep(1)
            with database.write() as connection:
                if database.is_postgresql:
                    connection.execute(sa.text("LOCK TABLE consent_record, consent_pending IN ACCESS EXCLUSIVE MODE"))
                before = visitors.acknowledged
                time.sleep(LOCKED)
                during = visitors.acknowledged - before
            time.sleep(0.5)
        took = site.ship_all()
    found = compare(visitors.visitors, Watch(database).finish().decoded())
    database.close()
    engine = "PostgreSQL" if database.is_postgresql else "SQLite"
    report(
        f"{engine} locked for {LOCKED} s: {during} answers acknowledged meanwhile, slowest {max(visitors.waits):.2f} s, slowest "
        f"page {max(readers.waits):.2f} s; in the end {found}; spool empty after {took:.1f} s"
    )
    assert found.lost == found.duplicates == []
    assert "Traceback" not in site.said
    assert during > 20
    assert max(visitors.waits) < 2
    assert sum(visitors.again.values()) * 50 <= during  # a disk that other tests use is slow for one now and then


def test_a_read_only_disk_stops_the_start(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Where no record could ever be kept, the site says so before it serves, with the setting and the remedy."""
    folder = tmp_path
    if os.geteuid() == 0:
        small: SmallDisk = request.getfixturevalue("disk")
        small.make_read_only()
        folder = small.folder
    else:
        folder = tmp_path / "read-only"
        folder.mkdir(mode=0o555)
    (tmp_path / "consent.toml").write_text(SMALL, encoding="utf-8")
    app = Flask("read_only", root_path=str(tmp_path), instance_path=str(tmp_path / "instance"))
    app.config.update(SECRET_KEY=SECRET, CONSENT_STORE_URL=f"sqlite:///{folder / 'records.sqlite3'}")
    with pytest.raises(ConfigError, match=r"CONSENT_STORE_URL.*cannot be written"):
        Consentry(app)
