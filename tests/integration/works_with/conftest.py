"""A site that sends whatever a WSGI application could."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask

from tests.integration.conftest import Site

from .hard import FILMS


@pytest.fixture
def sending(build: Callable[..., Site]) -> Callable[..., Site]:
    """Makes a site that answers ``/sent`` with any bytes under any headers, as a WSGI application could."""

    def make(body: bytes, *headers: tuple[str, str], status: str = "200 OK", **config: object) -> Site:
        def prepare(app: Flask) -> None:
            inner = app.wsgi_app

            def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
                if environ["PATH_INFO"] != "/sent":
                    return inner(environ, start)
                start(status, [*headers, ("Content-Length", str(len(body)))])
                return [body]

            app.wsgi_app = application  # type: ignore[assignment, method-assign]

        return build(FILMS, prepare=prepare, **config)

    return make
