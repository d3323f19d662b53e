"""The bytes of an export, read so that neither its size nor its lines can hurt: 4 MiB at a time, whatever is in it.

A :class:`Source` can be opened by several processes, and notices when the file changes between them. What the lines
say is not known here.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from .lines import LONGEST
from .verdict import NotCheckedError

_BUFFER = 1 << 20
#: What a file begins with that is something else, what it is, and what to do.
_OTHERS = (
    (b"\x1f\x8b", "compressed with gzip. Unpack it first: gunzip -c FILE | consentry verify - --key …"),
    (b"PK\x03\x04", "a zip archive. Unpack it first"),
    (b"BZh", "compressed with bzip2. Unpack it first"),
    (b"\xfd7zXZ", "compressed with xz. Unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd. Unpack it first"),
    (b"\xef\xbb\xbf", "changed by an editor, which put a byte order mark in front. Ask for the file as it was made"),
    (b"\xff\xfe", "in UTF-16; an export is in UTF-8. Ask for the file as it was made"),
    (b"index,record_id,site,", "a CSV for viewing, which is no evidence. Ask for an export in NDJSON"),
    (b"\xfe\xff", "in UTF-16; an export is in UTF-8. Ask for the file as it was made"),
)
_CHANGED = "the file changed while it was read. Copy it, then verify the copy"


@dataclass(frozen=True, slots=True)
class Source:
    """An export's bytes: those of a file, or some in memory.

    :param path: The file, or ``None``.
    :param data: The bytes, where there is no file.
    :param stamp: What tells the file from one that was put in its place or written to since.
    """

    path: str | None
    data: bytes
    size: int
    stamp: tuple[int, ...] = ()

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Bytes in memory."""
        return cls(None, data, len(data))

    @classmethod
    def at(cls, path: str | Path) -> Self:
        """A file.

        :raises NotCheckedError: it cannot be read.
        """
        with _said(path), Path(path).open("rb") as file:
            found = os.fstat(file.fileno())
            return cls(str(path), b"", found.st_size, _stamp(found))

    def open(self) -> BinaryIO:
        """The bytes from their beginning.

        :raises NotCheckedError: the file is not what it was.
        """
        if self.path is None:
            return io.BytesIO(self.data)
        with _said(self.path):
            file = Path(self.path).open("rb", buffering=_BUFFER)  # noqa: SIM115  # the caller's to close
            if _stamp(os.fstat(file.fileno())) != self.stamp:
                file.close()
                raise NotCheckedError(_CHANGED)
            return file

    def check_unchanged(self) -> None:
        """Make sure that what was read is still what is there.

        :raises NotCheckedError: it is not.
        """
        self.open().close()

    def first_line(self) -> bytes:
        """The line at the beginning, with its newline.

        :raises NotCheckedError: there is none, or the file is plainly something else.
        """
        with self.open() as file, _said(self.path):
            line = file.readline(LONGEST + 1)
        if not line:
            raise NotCheckedError("the file is empty")
        for beginning, what in _OTHERS:
            if line.startswith(beginning):
                raise NotCheckedError(f"the file is {what}", 1)
        if len(line) > LONGEST:
            raise NotCheckedError(f"longer than {LONGEST >> 20} MiB: this is no export", 1)
        if not line.endswith(b"\n"):
            raise NotCheckedError("the file breaks off within its first line", 1)
        if line.endswith(b"\r\n"):
            raise NotCheckedError("the file's line ends were converted for Windows. Ask for the file as it was made", 1)
        return line

    def last_line(self) -> tuple[int, bytes]:
        """Where the last line begins, and the line; where it is too long, the end and nothing."""
        begin = max(0, self.size - LONGEST - 1)
        with self.open() as file, _said(self.path):
            file.seek(begin)
            data = file.read(LONGEST + 1)
        cut = data.rfind(b"\n", 0, -1) + 1
        return (self.size, b"") if begin and not cut else (begin + cut, data[cut:])

    def parts(self, begin: int, end: int, length: int) -> Generator[tuple[int, int]]:
        """The bytes from *begin* to *end*, both at line ends, in parts of about *length* that end at line ends."""
        with self.open() as file, _said(self.path):
            while begin < end:
                cut = end
                if end - begin > length:
                    file.seek(begin + length)
                    # Where a line is too long, the rest is one part: whoever reads it stops at that line.
                    if file.readline(LONGEST + 1).endswith(b"\n"):
                        cut = min(file.tell(), end)
                yield begin, cut
                begin = cut

    def lines(self, begin: int, end: int) -> Iterator[bytes]:
        """The lines from *begin* to *end*, each with its newline; one longer than LONGEST comes cut, as the last."""
        with self.open() as file, _said(self.path):
            file.seek(begin)
            read, left = file.readline, end - begin
            while left > 0:
                line = read(min(left, LONGEST + 1))
                if not line:
                    raise NotCheckedError(_CHANGED)
                left -= len(line)
                yield line
                if len(line) > LONGEST:
                    return


class Digest(threading.Thread):
    """SHA-256 of a source's bytes up to *end*, computed beside other work.

    :param end: Where to stop.
    """

    def __init__(self, source: Source, end: int) -> None:
        super().__init__(name="consentry-sha256", daemon=True)
        self._source, self._end = source, end
        self._cancelled = threading.Event()
        self._failed: NotCheckedError | None = None
        self._hash = sha256()

    def run(self) -> None:
        """Read and hash; a failure is kept for :meth:`result`."""
        try:
            with self._source.open() as file, _said(self._source.path):
                left = self._end
                while left > 0 and not self._cancelled.is_set() and (piece := file.read(min(left, _BUFFER))):
                    self._hash.update(piece)
                    left -= len(piece)
        except NotCheckedError as error:
            self._failed = error

    def cancel(self) -> None:
        """Stop soon: nobody will ask for the result."""
        self._cancelled.set()

    def result(self) -> bytes:
        """The hash, as soon as it is there; computed now if the thread was never started.

        :raises NotCheckedError: the file could not be read.
        """
        if self.ident is None:
            self.run()
        else:
            self.join()
        if self._failed:
            raise self._failed
        return self._hash.digest()


@contextmanager
def opened(path: str, stdin: BinaryIO) -> Iterator[Source]:
    """The export at *path*; ``-`` and pipes are copied to a temporary file first, as more than one look is needed.

    :raises NotCheckedError: it cannot be read.
    """
    if path == "-":
        with _copied(stdin) as copy:
            yield Source.at(copy)
        return
    with _said(path):
        mode = Path(path).stat().st_mode
    if stat.S_ISREG(mode):
        yield Source.at(path)
    elif stat.S_ISDIR(mode):
        raise NotCheckedError("that is a directory; give the export itself, a file that ends in .ndjson")
    else:
        with _said(path):
            pipe = Path(path).open("rb")  # noqa: SIM115  # closed below, where what goes wrong is not the pipe's
        with pipe, _copied(pipe) as copy:
            yield Source.at(copy)


def limited(path: str, longest: int, what: str) -> bytes:
    """The bytes of a file that has no more than *longest*.

    :param what: What to call it in messages.
    :raises NotCheckedError: it cannot be read, or is longer.
    """
    with _said(path, what), Path(path).open("rb") as file:
        data = file.read(longest + 1)
    if len(data) > longest:
        raise NotCheckedError(f"{what} is longer than {longest >> 10} KiB, and can be none")
    return data


@contextmanager
def _copied(stream: BinaryIO) -> Iterator[str]:
    """A temporary file with all of *stream*, as long as its lines are not too long."""
    with tempfile.TemporaryDirectory(prefix="consentry-") as room:
        path, since_newline = Path(room) / "export", 0
        with _said("-"), path.open("wb") as file:
            while piece := stream.read(_BUFFER):
                file.write(piece)
                at = piece.rfind(b"\n")
                since_newline = len(piece) - at - 1 if at >= 0 else since_newline + len(piece)
                if since_newline > LONGEST:
                    break  # the copy ends in a line that is too long, which is what will be said about it
        yield str(path)


@contextmanager
def _said(path: str | Path | None, what: str = "") -> Iterator[None]:
    """Errors of the operating system as one line."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        named = "standard input" if path == "-" else what or str(path)
        raise NotCheckedError(f"{named} cannot be read: {reason}") from error


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
