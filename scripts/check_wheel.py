"""Prove that the wheel is the whole product: build it, install it in an empty environment, serve the example from it.

Run by ``make check`` from the checkout's root. Everything happens in a temporary folder that holds a copy of
``examples/site`` and nothing else of the checkout, so that what is missing in the wheel is missing here.

The environment's versions are those of the lock, but the *names* to install come from the wheel's own metadata: a
dependency that ``pyproject.toml`` forgot fails here.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
import zipfile
from pathlib import Path

#: Where each import package lives in the checkout.
PACKAGES = (Path("consent"), Path("flask_ext/flask_consentry"))
LOCK = Path("requirements/demo.txt")
#: What the first page of the example must hold before anyone has answered: guard and question.
EXPECTED = ('data-consentry="guard"', 'data-consentry="banner"')
#: Seconds until the site must answer.
PATIENCE = 30


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run *command*; its output is shown, its failure is ours."""
    subprocess.run(command, cwd=cwd, check=True)


def build(into: Path) -> Path:
    """Build the sdist, and the wheel *from the sdist*; return the wheel."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", into, ".")
    (wheel,) = into.glob("*.whl")
    return wheel


def missing(wheel: Path) -> list[str]:
    """Files of the packages in the checkout that *wheel* lacks."""
    wanted = {
        file.relative_to(package.parent).as_posix()
        for package in PACKAGES
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        return sorted(wanted - set(archive.namelist()))


def install(wheel: Path, into: Path) -> Path:
    """Make the environment *into* with *wheel* at the lock's versions; return its Python."""
    venv.create(into, with_pip=True)
    python = into / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pins = re.findall(r"^([\w.-]+==.+?)\s*\\?$", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    constraints = into / "constraints.txt"
    constraints.write_text("\n".join(pins), encoding="utf-8")
    run(python, "-m", "pip", "install", "-qq", "--constraint", constraints, wheel)
    return python


def free_port() -> int:
    """Port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def first_page(address: str, server: subprocess.Popen[bytes]) -> str:
    """What *server* answers at *address*, as soon as it listens.

    :raises SystemExit: it ended, answered with an error or never listened.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE) as response:
                page: bytes = response.read()
                return page.decode()
        except urllib.error.HTTPError as error:
            sys.exit(f"{address} answered {error.code}")
        except urllib.error.URLError:
            time.sleep(0.1)
    sys.exit(f"the example site did not serve {address}")


def serve(python: Path, folder: Path) -> None:
    """Start the example site in *folder* and look at its first page.

    :raises SystemExit: the page lacks what every undecided visitor must get.
    """
    shutil.copytree("examples/site", folder / "site", ignore=shutil.ignore_patterns("instance", "__pycache__"))
    flask = [str(python), "-m", "flask", "--app", "site/app.py"]
    run(*flask, "consent", "check", cwd=folder)
    port = free_port()
    with subprocess.Popen([*flask, "run", "--port", str(port)], cwd=folder) as server:
        try:
            page = first_page(f"http://127.0.0.1:{port}/", server)
        finally:
            server.terminate()
    absent = [part for part in EXPECTED if part not in page]
    if absent:
        sys.exit(f"the example site from the wheel lacks {', '.join(absent)}")


def main() -> None:
    """Build, compare, install, serve.

    :raises SystemExit: the wheel is not whole.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        wheel = build(folder / "dist")
        lost = missing(wheel)
        if lost:
            sys.exit("not in the wheel:\n  " + "\n  ".join(lost))
        serve(install(wheel, folder / "environment"), folder)
        print(f"{wheel.name}: complete, installs in an empty environment and serves the example site")


if __name__ == "__main__":
    main()
