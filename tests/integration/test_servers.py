"""Real servers: gunicorn with ``--preload`` and two workers."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consent.ledger import Database, Store
from tests import servers


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[str]:
    """The example site under gunicorn; its address."""
    store = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    wsgi = (
        f"import sys\nsys.path.insert(0, {str(servers.ROOT / 'examples' / 'site')!r})\n"
        f"from app import create_app\napp = create_app({{'CONSENT_STORE_URL': {store!r}, 'SECRET_KEY': 'test'}})\n"
    )
    with servers.gunicorn(tmp_path, wsgi, "--preload", "--workers", "2") as address:
        yield address


def test_workers_after_a_fork_record_every_answer(gunicorn: str, tmp_path: Path) -> None:
    """Two workers that start on an empty store at once make its tables once and lose no answer."""
    with urllib.request.urlopen(gunicorn + "/consent/preferences") as page:
        token = re.search(r'name="notice" value="([^"]+)"', page.read().decode())
    assert token

    def accept(number: int) -> int:
        body = json.dumps({"answer": "accept_all", "notice": token[1], "key": f"key-{number:020}"}).encode()
        request = urllib.request.Request(
            gunicorn + "/consent/decision", body, {"Content-Type": "application/json", "Origin": gunicorn}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(accept, range(40))) == {200}
    database = Database(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    try:
        records = list(Store(database, "millbrook").records())
    finally:
        database.close()
    assert len(records) == 40
    assert len({record.subject for record in records}) == 40
