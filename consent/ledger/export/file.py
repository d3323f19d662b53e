"""An export's file: written beside its place under another name, for its owner alone, and put there when it is whole.

Whatever stood there stays until then. What is written when a process ends early stays too, as ``FILE.part``, locked
while somebody writes it. Knows nothing of what is in it.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from ...errors import ConsentError

if sys.platform != "win32":
    import fcntl


class TargetError(ConsentError):
    """A file cannot be written there; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file that is being written.

    :param file: Open for reading and writing.
    :param path: Its name now, and *target* the one that it gets.
    """

    file: FileIO
    path: Path
    target: Path

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of an earlier attempt."""
        return not os.fstat(self.file.fileno()).st_size

    def write(self, block: bytes) -> None:
        """Add *block*, all of it.

        :raises OSError: there is no room for it.
        """
        rest = memoryview(block)
        while rest:
            rest = rest[self.file.write(rest) :]

    def keep(self, length: int) -> None:
        """Cut off what is behind *length*, and go on there."""
        self.file.truncate(length)
        self.file.seek(length)

    def finish(self) -> None:
        """Give it its name, as soon as it is on the disk."""
        os.fsync(self.file.fileno())
        self.path.replace(self.target)
        if sys.platform != "win32":
            folder = os.open(self.target.parent, os.O_RDONLY)
            with suppress(OSError):  # not every file system can
                os.fsync(folder)
            os.close(folder)

    def discard(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)


def is_stream(target: Path) -> bool:
    """Whether *target* is a pipe or a device, which is written to as it is and never replaced."""
    try:
        return not stat.S_ISREG(target.stat().st_mode) and not target.is_dir()
    except OSError:
        return False


@contextmanager
def unfinished(target: Path, *, resume: bool) -> Iterator[Unfinished]:
    """A file that is to become *target*: what is left of an earlier attempt with *resume*, else a new one.

    :raises TargetError: it cannot be made, or another process is at it.
    """
    real = _resolved(target)
    path = real.with_name(f"{real.name}.part")
    try:
        descriptor = _taken_up(path) if resume else None
        if descriptor is None:
            _clear(path)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
            _lock(descriptor)
    except BlockingIOError:
        raise TargetError(f"{path} is being written by another export. Wait for it, or name another file") from None
    except OSError as error:
        raise TargetError(f"{path} cannot be written: {error.strerror}. Name another file") from None
    with FileIO(descriptor, "r+") as file:
        yield Unfinished(file, path, real)


_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def _resolved(target: Path) -> Path:
    """Where *target* leads, if a file can be put there."""
    try:
        real = target.resolve()
        is_folder = real.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise TargetError(f"{target} cannot be written: {error}. Name another file") from None
    if is_folder:
        raise TargetError(f"{target} is a folder. Name a file in it")
    if not real.parent.is_dir():
        raise TargetError(f"there is no folder {real.parent}. Make it, or name another file")
    return real


def _taken_up(path: Path) -> int | None:
    """What an earlier attempt left; ``None`` if nothing."""
    try:
        descriptor = os.open(path, os.O_RDWR | _NO_LINK)
    except FileNotFoundError:
        return None
    try:
        _check_own(path, os.fstat(descriptor))
        _lock(descriptor)
        if sys.platform != "win32":
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_own(path: Path, found: os.stat_result) -> None:
    is_own = sys.platform == "win32" or found.st_uid == os.geteuid()
    if not stat.S_ISREG(found.st_mode) or not is_own:
        raise TargetError(f"{path} is not a file of this user. Name another file")


def _lock(descriptor: int) -> None:
    """Make sure that nobody else writes it, where the system can.

    :raises BlockingIOError: somebody does.
    """
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _clear(path: Path) -> None:
    """Delete what an earlier attempt left, unless somebody is still at it."""
    descriptor = _taken_up(path)
    if descriptor is not None:
        path.unlink()
        os.close(descriptor)
