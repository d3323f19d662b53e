"""PostgreSQL's programs on this machine: the system's, else those in the ``pgserver`` wheel.

Of the wheel only the files are used; nothing is imported from it.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

#: What to do where there is no server and none can be started.
REMEDY = (
    "Install it:         apt-get install postgresql     (as root, on Debian; it need not run)\n"
    "or the wheel:       pip install pgserver           (Python 3.11 or 3.12 on x86-64 Linux)\n"
    "or name a server:   CONSENT_TEST_POSTGRES_URL=postgresql://user:password@host/database\n"
    "                    whose user may make databases and roles"
)

_SYSTEM = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)


class NoServerError(Exception):
    """There is no PostgreSQL for the tests; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs.

    :param folder: Where ``initdb`` and ``postgres`` are.
    :param origin: How they came to this machine.
    """

    folder: Path
    origin: str

    @property
    def version(self) -> str:
        """As the server says it."""
        said = subprocess.run([self.folder / "postgres", "--version"], capture_output=True, text=True, check=True)
        return said.stdout.partition("(PostgreSQL)")[2].split()[0]

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} ({self.origin}, {self.folder})"


def find(*, system: bool = True, wheel: bool = True) -> Programs:
    """The first programs that are whole and start.

    :param system: Look where systems install them.
    :param wheel: Look into the ``pgserver`` wheel.
    :raises NoServerError: there are none.
    """
    found: Iterable[Programs] = chain(_of_the_system() if system else (), _of_the_wheel() if wheel else ())
    for programs in found:
        try:
            if (programs.folder / "initdb").is_file() and programs.version:
                return programs
        except (OSError, subprocess.SubprocessError):
            continue
    raise NoServerError(f"The tests need PostgreSQL and this machine has none.\n{REMEDY}")


def _of_the_system() -> Iterator[Programs]:
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        if said.stdout.strip():
            yield Programs(Path(said.stdout.strip()), "system")
    for pattern in _SYSTEM:
        for folder in sorted(Path("/").glob(pattern[1:]), key=_by_version, reverse=True):
            yield Programs(folder, "system")


def _by_version(folder: Path) -> int:
    return int("".join(letter for letter in str(folder) if letter.isdigit()) or 0)


def _of_the_wheel() -> Iterator[Programs]:
    wheel = importlib.util.find_spec("pgserver")
    if wheel is not None and wheel.origin is not None:
        yield Programs(Path(wheel.origin).parent / "pginstall" / "bin", "wheel pgserver")
