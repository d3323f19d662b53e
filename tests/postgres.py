"""A PostgreSQL server for tests: started in a folder of its own, killed and started anew at will.

It is as strict as a real one: fsync on, data checksums, a password on TCP. PostgreSQL refuses to run as root; started by
root it runs as ``postgres`` or ``nobody``. :mod:`tests.postgres_programs` finds what it runs, :mod:`tests.databases` makes
databases on it.

However the tests end, the server goes: a guard process waits for the end of a pipe that only the tests hold open, then
stops what still runs and deletes the folder.
"""

from __future__ import annotations

import atexit
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa

from tests.postgres_programs import NoServerError, Programs
from tests.servers import free_port

_PATIENCE = 60.0
#: Longest folder whose socket still fits the 107 bytes that a socket's path may have.
_LONGEST_FOLDER = 80
_SHORT = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 # a folder with a random name is made in them
# What ends the server and its folder once the tests are gone. The file `pid` is there only while we run the server.
_GUARD = """
trap '' INT TERM HUP
cat >/dev/null
if [ -f "$1/pid" ]; then
    pid=$(cat "$1/pid")
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
rm -rf -- "$1"
"""


class PostgresServer:
    """One server of the tests' own; :meth:`start` it first, :meth:`close` it last.

    :param programs: What to start.
    :param under: Folder to make its own folder in; else one with a short path.
    """

    def __init__(self, programs: Programs, *, under: Path | None = None) -> None:
        self._user = _user()
        self._folder = _folder(under, self._user)
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self._folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        atexit.register(self.close)
        self._programs = _readable(programs, self._folder, self._user)
        self._password = secrets.token_urlsafe(12)
        self._port = free_port()
        self._process: subprocess.Popen | None = None
        self.described = str(programs)
        #: Seconds that making and starting it took.
        self.start_time = 0.0

    @property
    def url(self) -> str:
        """Of its database ``postgres``, over TCP, with the password."""
        return self._url(host="127.0.0.1", password=self._password)

    @property
    def socket_url(self) -> str:
        """The same over the socket in its folder."""
        return self._url(query={"host": str(self._folder)})

    def _url(self, **parts: object) -> str:
        made = sa.URL.create("postgresql+psycopg", "postgres", port=self._port, database="postgres", **parts)  # type: ignore[arg-type]
        return made.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start it, also after :meth:`kill`; it answers when this returns."""
        begin = time.monotonic()
        if not self._data.exists():
            self._make()
        settings = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": f'"{self._folder}"',
            "fsync": "on",
            "logging_collector": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = self._run("postgres", "-D", str(self._data), *options, output=log.fileno())
        (self._folder / "pid").write_text(str(self._process.pid), encoding="ascii")
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() - begin > _PATIENCE:
                raise NoServerError(f"{self.described} did not start:\n{self._log.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.02)
        self.start_time = time.monotonic() - begin

    def stop(self) -> None:
        """End it in good order: running transactions are rolled back, everything is written."""
        self._end(signal.SIGINT)

    def kill(self) -> int:
        """End all its processes at once with SIGKILL, as a crash of the machine would; how many there were."""
        process = self._process
        if process is None:
            return 0
        os.kill(process.pid, signal.SIGSTOP)  # so that it starts no more of them
        others = children(process.pid)
        for one in (process.pid, *others):
            os.kill(one, signal.SIGKILL)
        self._end(signal.SIGKILL)
        end = time.monotonic() + _PATIENCE
        while any(runs(child) for child in others) and time.monotonic() < end:
            time.sleep(0.005)
        return 1 + len(others)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let all its processes stand still during the block: connections stay open, and nobody answers."""
        assert self._process is not None
        first = self._process.pid
        os.kill(first, signal.SIGSTOP)  # so that it starts no more of them
        others = children(first)
        try:
            for one in others:
                os.kill(one, signal.SIGSTOP)
            yield
        finally:
            for one in (*others, first):
                os.kill(one, signal.SIGCONT)

    def close(self) -> None:
        """Stop it and delete its folder; again does nothing."""
        atexit.unregister(self.close)
        if self._guard.poll() is None:
            self._end(signal.SIGQUIT)
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(timeout=_PATIENCE)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password, encoding="ascii")
        _give(secret, self._user)
        options = [
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--data-checksums",
            "--encoding=UTF8",
            "--locale=C",
        ]
        with self._log.open("ab") as log:
            making = self._run(
                "initdb",
                "-D",
                str(self._data),
                "-U",
                "postgres",
                f"--pwfile={secret}",
                "--no-sync",
                *options,
                output=log.fileno(),
            )
        if making.wait(timeout=_PATIENCE):
            raise NoServerError(
                f"initdb failed with {self.described}:\n{self._log.read_text(encoding='utf-8')[-3000:]}"
            )

    def _run(self, program: str, *arguments: str, output: int) -> subprocess.Popen:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        identity: dict = (
            {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if _is_root() else {}
        )
        return subprocess.Popen(
            [str(self._programs.folder / program), *arguments],
            cwd=self._folder,
            env=environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **identity,
        )

    def _answers(self) -> bool:
        try:
            psycopg.connect(host=str(self._folder), port=self._port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(how)
            self._process.wait(timeout=_PATIENCE)
            (self._folder / "pid").unlink(missing_ok=True)
            self._process = None


def _is_root() -> bool:
    return os.geteuid() == 0


def _user() -> pwd.struct_passwd:
    """Whom the server runs as."""
    if not _is_root():
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoServerError("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody.")


def _give(path: Path, user: pwd.struct_passwd) -> None:
    if _is_root():
        os.chown(path, user.pw_uid, user.pw_gid)


def _folder(under: Path | None, user: pwd.struct_passwd) -> Path:
    """A new folder that is *user*'s alone, where the user gets at it and a socket's path is not too long."""
    for parent in [under] if under else [Path(tempfile.gettempdir()), *_SHORT]:
        made = Path(tempfile.mkdtemp(prefix="consentry-pg-", dir=parent))
        _give(made, user)
        if len(os.fsencode(made)) <= _LONGEST_FOLDER and _may(user, "-w", made):
            return made
        made.rmdir()
    raise NoServerError(
        "No temporary folder has a short path and is open to the user that PostgreSQL runs as; set TMPDIR."
    )


def _readable(programs: Programs, folder: Path, user: pwd.struct_passwd) -> Programs:
    """*programs*, copied into *folder* where *user* may not run them: a wheel in root's own folder."""
    if _may(user, "-x", programs.folder / "postgres"):
        return programs
    copy = folder / "programs"
    root = programs.folder.parents[2]  # programs of a wheel look for its libraries three folders up
    wanted = [programs.folder.parent, *root.glob("pgserver.libs")]
    for part in wanted:
        shutil.copytree(part, copy / part.relative_to(root), ignore=shutil.ignore_patterns("include"))
    for path in (copy, *copy.rglob("*")):
        _give(path, user)
    return Programs(copy / programs.folder.relative_to(root), programs.origin)


def _may(user: pwd.struct_passwd, how: str, path: Path) -> bool:
    """Whether *user* can use *path*, as ``test`` says."""
    identity: dict = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if _is_root() else {}
    return subprocess.run(["test", how, str(path)], cwd="/", check=False, **identity).returncode == 0


def children(parent: int) -> list[int]:
    """The processes that *parent* started and that run."""
    every = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [process for process in every if (status := _status(process)) and int(status[1]) == parent and runs(process)]


def runs(process: int) -> bool:
    """Whether it is still there; a zombie, which waits for nothing but to be counted, is not."""
    status = _status(process)
    return bool(status) and status[0] != "Z"


def _status(process: int) -> list[str]:
    """State, parent and more of a process, as ``/proc/PID/stat`` has them; nothing if there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
