"""A small site under gunicorn, whose workers can be killed while it records.

The master loads the application once and forks a new worker for each one that dies. What the server says goes to a file:
a pipe that nobody reads would stop it.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

from consent.ledger.spool import Spool
from consent.proof.note import SigningKey
from tests.policies import SMALL
from tests.postgres import children, runs
from tests.servers import ROOT, free_port

#: Signs the receipts.
SECRET = "crash"
#: Signs the log; its name is the site's.
KEY = SigningKey.generate("example", bytes(range(32)))
_PATIENCE = 30.0
_WSGI = """
from pathlib import Path
from flask import Flask, render_template_string
from flask_consentry import Consentry

PAGE = '''<!doctype html><html lang="en"><head>{{{{ consent_head() }}}}<title>t</title></head><body>{{{{ consent_banner() }}}}
{{{{ consent_script("matomo", src="https://stats.example.net/m.js", defer=True) }}}}</body></html>'''
here = Path(__file__).parent
app = Flask("crash", root_path=str(here), instance_path=str(here / "instance"))
app.config.update({config!r})
Consentry(app)

@app.route("/")
def page():
    return render_template_string(PAGE)
"""


class Site:
    """Use it as a context: it serves inside.

    :param folder: Where it lives; made if missing. Its name may have spaces.
    :param config: Settings of the application beside the keys.
    """

    def __init__(self, folder: Path, *, workers: int = 2, threads: int = 4, **config: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "consent.toml").write_text(SMALL, encoding="utf-8")
        config = {"SECRET_KEY": SECRET, "CONSENT_SIGNING_KEY_TEXT": KEY.encode()} | config
        (folder / "wsgi.py").write_text(_WSGI.format(config=config), encoding="utf-8")
        self.port = free_port()
        self._options = ["--preload", "--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)]
        self._server: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", *self._options, "wsgi:app"],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _PATIENCE
        while not self.workers:
            assert self._server.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.02)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self._server is not None
        self._server.send_signal(signal.SIGTERM)
        try:
            self._server.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            for process in (*self.workers, self._server.pid):
                os.kill(process, signal.SIGKILL)
            self._server.wait()
            raise

    @property
    def address(self) -> str:
        """Of its root, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of its processes, and of its commands."""
        path = os.pathsep.join([str(ROOT), str(ROOT / "flask_ext"), *sys.path])
        return os.environ | {"PYTHONPATH": path, "FLASK_APP": "wsgi:app", "PYTHONWARNINGS": "default"}

    @property
    def instance(self) -> Path:
        """Its instance folder."""
        return self.folder / "instance"

    @property
    def log(self) -> Path:
        """The file that it writes its messages to."""
        return self.folder / "log"

    @property
    def said(self) -> str:
        """Its messages so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def spooled(self) -> int:
        """How many answers wait in its spool."""
        spool = Spool(self.instance / "consent-spool.sqlite3")
        try:
            return spool.status().rows
        finally:
            spool.close()

    def ship_all(self, *, within: float = 60) -> float:
        """Wait until nothing waits in its spool any more; how long that took."""
        begin = time.monotonic()
        while left := self.spooled:
            assert time.monotonic() - begin < within, f"{left} answers still wait in the spool\n{self.said[-3000:]}"
            time.sleep(0.1)
        return time.monotonic() - begin

    @property
    def workers(self) -> list[int]:
        """The process ids of its workers."""
        assert self._server is not None
        return children(self._server.pid)

    def kill_worker(self, chance: Random) -> None:
        """End one of the workers with SIGKILL."""
        end = time.monotonic() + _PATIENCE
        while not (alive := self.workers):
            assert time.monotonic() < end, self.said
            time.sleep(0.005)
        killed = chance.choice(alive)
        os.kill(killed, signal.SIGKILL)
        while runs(killed):
            time.sleep(0.001)

    def bound_files(self, size: int) -> None:
        """Let no process of it write beyond *size* bytes of any file: for them, the disk is full there."""
        assert self._server is not None
        for process in (self._server.pid, *self.workers):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def flask(self, *arguments: str) -> str:
        """What ``flask consent`` says with *arguments*; it must succeed."""
        run = subprocess.run(
            [sys.executable, "-m", "flask", "consent", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def verdict(self, notes: Sequence[str] = ()) -> str:
        """What ``consentry verify`` says of a whole export, given older checkpoints; the verdict must be that it is valid.

        Everything that waits is sequenced before, as the export does it.
        """
        export = self.folder / "export.ndjson"
        self.flask("export", "--quiet", "--output", str(export))
        command = ["verify", str(export), "--key", KEY.public.encode()]
        for number, note in enumerate(notes):
            path = self.folder / f"{number}.note"
            path.write_text(note, encoding="utf-8")
            command += ["--checkpoint", str(path)]
        run = subprocess.run(
            [sys.executable, "-m", "consent.proof.console", *command],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout
