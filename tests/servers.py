"""Real servers on free ports of this machine, each ended with its test: gunicorn, and nginx with a cache.

nginx runs the very lines that docs/caching.md shows, with a port, a folder and an upstream of the test's own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_PATIENCE = 20.0

#: What the docs' lines say, and what a test has in its place.
_PORT = "listen 80;"
_UPSTREAM = "http://127.0.0.1:8000"
_CACHE = "/var/cache/nginx/my-site"

# Outside `http`, and what nginx would otherwise keep in folders of the system.
_AROUND = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def gunicorn(folder: Path, wsgi: str, *options: str) -> Iterator[str]:
    """The application that the module *wsgi*, a text, calls ``app``; its address."""
    port = free_port()
    (folder / "wsgi.py").write_text(wsgi, encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "flask_ext"), *sys.path])}
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, "wsgi:app"],
        cwd=folder,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=_PATIENCE)
    assert "Traceback" not in errors, errors


def documented() -> str:
    """The nginx lines of docs/caching.md."""
    page = (ROOT / "docs" / "caching.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```nginx\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(lines)


def changed(lines: str, changes: Mapping[str, str]) -> str:
    """*lines* with each text replaced, which must be there."""
    for old, new in changes.items():
        assert old in lines, f"docs/caching.md no longer says {old!r}"
        lines = lines.replace(old, new)
    return lines


@contextmanager
def nginx(folder: Path, lines: str, upstream: str) -> Iterator[str]:
    """An nginx with *lines* in front of *upstream*, an address; its own address."""
    port = free_port()
    cache = folder / "cache"
    server = changed(lines, {_PORT: f"listen 127.0.0.1:{port};", _UPSTREAM: upstream, _CACHE: str(cache)})
    # As root, nginx would hand its workers to a user who may not read the test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, server=server, user=user), encoding="utf-8")
    log = folder / "error.log"
    process = subprocess.Popen(
        [_executable(), "-p", str(folder), "-e", str(log), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE
    )
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=_PATIENCE)
    told = log.read_text(encoding="utf-8") if log.exists() else ""
    assert "[emerg]" not in told, told


def _executable() -> str:
    """Path of nginx: ``NGINX_PATH``, else the one on the path, or where Debian has it for root alone."""
    named = os.environ.get("NGINX_PATH")
    found = shutil.which(named) if named else shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not found:
        pytest.fail("The tests of caches need nginx: install it, or set NGINX_PATH to its path.", pytrace=False)
    return found


def _wait(server: subprocess.Popen, port: int) -> None:
    """Until somebody listens on *port*."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        assert server.poll() is None, server.stderr.read() if server.stderr else ""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")
