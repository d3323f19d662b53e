"""The sites under test, served by threads of the test's own process, with a clock that a test can move.

The example site is the real one; :mod:`tests.e2e.small_site` has what the example does not do.
"""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from flask_consentry import Consentry

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "site"


@dataclass(slots=True)
class Clock:
    """The server's clock: the true time, moved ahead."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The time that the server sees."""
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True)
class Site:
    """A site that is being served.

    :param url: Its origin.
    :param answered: ``(path, status)`` of every response so far.
    """

    url: str
    answered: list[tuple[str, int]] = field(default_factory=list)

    def statuses(self, path: str) -> list[int]:
        """The statuses of the responses for *path*, in order."""
        return [status for at, status in list(self.answered) if at == path]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def served(app: Flask, certificate: Path | None = None) -> Iterator[Site]:
    """Serve *app* on a free port of 127.0.0.1, over TLS if there is a *certificate*."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    site = Site("")

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            site.answered.append((environ["PATH_INFO"], int(status[:3])))
            return start_response(status, headers, *rest)

        return _closed(app(environ, start))

    server = make_server("127.0.0.1", 0, counted, threaded=True, request_handler=_Quiet, ssl_context=tls)
    server.daemon_threads = True  # type: ignore[attr-defined]  # of socketserver.ThreadingMixIn
    site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _closed(body: Iterable[bytes]) -> Iterator[bytes]:
    """*body*, closed at its end or when it is dropped: Werkzeug's server forgets that if the browser has hung up."""
    try:
        yield from body
    finally:
        getattr(body, "close", lambda: None)()


def example_site(folder: Path, clock: Clock, **config: Any) -> Flask:
    """The example as its own ``create_app`` makes it, told the time by *clock*, with its store in *folder*."""
    if str(_EXAMPLE) not in sys.path:
        sys.path.append(str(_EXAMPLE))
    module = import_module("app")
    store = f"sqlite:///{folder / 'consent.sqlite3'}"
    with patch.object(module, "Consentry", partial(Consentry, clock=clock.now)):
        app: Flask = module.create_app({"SECRET_KEY": "e2e", "CONSENT_STORE_URL": store, **config})
    return app
