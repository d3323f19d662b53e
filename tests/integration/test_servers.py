"""Real servers: gunicorn with ``--preload`` and two workers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consent.ledger import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[str]:
    """The example site under gunicorn; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    (tmp_path / "wsgi.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'examples' / 'site')!r})\n"
        f"from app import create_app\napp = create_app({{'CONSENT_STORE_URL': {store!r}, 'SECRET_KEY': 'test'}})\n",
        encoding="utf-8",
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "flask_ext"), *sys.path])}
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", f"127.0.0.1:{port}", "wsgi:app"],
        cwd=tmp_path,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, server)
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=20)
    assert "Traceback" not in errors, errors


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
    store = Store(f"sqlite:///{tmp_path / 'records.sqlite3'}", site="millbrook")
    try:
        records = list(store.records())
    finally:
        store.close()
    assert len(records) == 40
    assert len({record.subject for record in records}) == 40


def _wait(address: str, server: subprocess.Popen[str]) -> None:
    """Until the server answers."""
    for _ in range(200):
        assert server.poll() is None, server.stderr.read() if server.stderr else ""
        try:
            with urllib.request.urlopen(address + "/consent/state", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("gunicorn did not answer")
