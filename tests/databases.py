"""Fresh, empty databases for tests, on both engines; and the PostgreSQL server they are made on.

The server is the one that ``CONSENT_TEST_POSTGRES_URL`` names, else one of the tests' own (:mod:`tests.postgres`). It is
started when the first test asks for it. It is never skipped: where there is none, the tests that need it fail.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from tests.postgres import PostgresServer
from tests.postgres_programs import REMEDY, NoServerError, find

VARIABLE = "CONSENT_TEST_POSTGRES_URL"


class GivenServer:
    """A server that somebody else runs.

    :param url: Of one of its databases; its user may make databases.
    :raises NoServerError: it cannot be reached, or the URL is none of PostgreSQL.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise NoServerError(f"{VARIABLE} is not a database URL.\n{REMEDY}") from error
        if parsed.get_backend_name() not in ("postgresql", "postgres"):
            raise NoServerError(f"{VARIABLE} is a URL of {parsed.get_backend_name()}, not of PostgreSQL.\n{REMEDY}")
        #: With the driver that Consentry uses.
        self.url = parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        try:
            with connected(self.url) as connection:
                version = connection.info.parameter_status("server_version")
        except psycopg.Error as error:
            raise NoServerError(f"{VARIABLE} names a server that does not answer: {error}\n{REMEDY}") from error
        self.described = f"PostgreSQL {version} ({VARIABLE}, {parsed.host or 'local socket'})"

    def close(self) -> None:
        """Leave it as it is."""


#: Any server that tests may make databases on.
Server = GivenServer | PostgresServer


def outlook() -> str:
    """Which server the tests would use, without starting it."""
    if os.environ.get(VARIABLE):
        return f"PostgreSQL for tests: the server of {VARIABLE}"
    try:
        return f"PostgreSQL for tests: {find()}, started when a test asks for it"
    except NoServerError:
        return "PostgreSQL for tests: NONE; the tests that need it will fail"


def start() -> Server:
    """The server of this run.

    :raises NoServerError: there is none.
    """
    if url := os.environ.get(VARIABLE):
        return GivenServer(url)
    server = PostgresServer(find())
    server.start()
    return server


@contextmanager
def database(url: str) -> Iterator[str]:
    """An empty database beside that of *url*, on the same server; its URL. It is dropped in the end, whoever uses it."""
    name = f"consent_{secrets.token_hex(6)}"
    with connected(url) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield sa.make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        with connected(url) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection of the driver's own, each statement a transaction."""
    parsed = sa.make_url(url)
    arguments: dict[str, Any] = parsed.translate_connect_args(username="user", database="dbname") | dict(parsed.query)
    with psycopg.connect(autocommit=True, **{"connect_timeout": 10} | arguments) as connection:
        yield connection
