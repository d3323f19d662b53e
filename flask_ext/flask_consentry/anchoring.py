"""Handing a checkpoint to somebody outside the site: as a file, or to a command. By e-mail: :mod:`.mail`.

Who runs the site can rewrite the log and sign it anew; who holds an older checkpoint can show that. So what counts is
that the copy lies where the site cannot change it. Whether it does, nobody here can know: a file is as good as the
place it lies in. Not what is in a checkpoint: that is :mod:`consent.proof.checkpoint`'s.

Source: C2SP tlog-checkpoint.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from consent import ConsentError
from consent.ledger.keys import signers
from consent.proof.checkpoint import Checkpoint, claimed

#: Variables that a command is given: who runs it and where, in which language, and the way out of this host. Nothing of
#: the site's: its secrets go by names that nobody can list.
GIVEN = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TMPDIR", "TMP", "TEMP", "TERM", "XDG_*"),
    *("LANG", "LANGUAGE", "LC_*", "TZ"),
    *("SSH_AUTH_SOCK", "GNUPGHOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: How much of a file's end is looked at for a checkpoint that is there already.
_TAIL = 64 * 1024


class AnchorError(ConsentError):
    """The checkpoint was not handed out."""


def file_name(head: Checkpoint) -> str:
    """What to call a file with *head* in it; names sort by size."""
    return f"{_UNSAFE.sub('_', head.origin)}-{head.size:012}.note"


def to_file(path: Path, note: str) -> str:
    """Append *note* to a file, or put it into a folder as a file of its own; nothing if it is there already.

    :return: Where it is now.
    :raises AnchorError: it could not be written, or the folder has another checkpoint of that size.
    """
    path = path.absolute()
    try:
        if path.is_dir():
            path = _put(path, note)
        else:
            _append(path, note)
    except OSError as error:
        raise AnchorError(f"{path} cannot be written ({error.strerror}). Name a file or a folder that can") from None
    return f"file {path}"


def to_command(command: Sequence[str], note: str, *, timeout: float, given: Sequence[str] = ()) -> str:
    """Run *command*, without a shell, with *note* on its standard input.

    :param timeout: Seconds after which it, and all that it started, is ended.
    :param given: Variables of the environment that it gets beside :data:`GIVEN`; ``AWS_*`` is all that begin so.
    :return: What took it; without the arguments, which may hold a secret.
    :raises AnchorError: it could not be started, took too long, or ended with anything but 0; or there is no variable
        of such a name.
    """
    name, environment = Path(command[0]).name, _environment(given)
    try:
        started = subprocess.Popen(  # noqa: S603  # the operator's own command
            command, stdin=subprocess.PIPE, env=environment, start_new_session=True, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise AnchorError(f"the command {name} cannot be started ({error.strerror})") from None
    try:
        started.communicate(note, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise AnchorError(f"the command {name} took longer than {timeout:g} seconds and was ended") from None
    finally:
        if started.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()
    if started.returncode:
        raise AnchorError(f"the command {name} ended with {started.returncode}, so nothing counts as handed out")
    return f"command {name}"


def _environment(given: Sequence[str]) -> dict[str, str]:
    for name in given:
        if not name.strip():
            raise AnchorError("--pass-env: the name of a variable is missing. Name one, or leave out --pass-env")
        if not any(fnmatchcase(key, name) for key in os.environ):
            raise AnchorError(f"the environment has no variable {name}. Set it, or leave out --pass-env {name}")
    wanted = (*GIVEN, *given)
    return {key: value for key, value in os.environ.items() if any(fnmatchcase(key, name) for name in wanted)}


def _put(folder: Path, note: str) -> Path:
    """Write *note* to a file of its own in *folder*; the file, which may have been there."""
    plain = folder / file_name(claimed(note))
    if _is_there(plain, note):
        return plain
    path = plain.with_suffix(f".{'-'.join(signers(note))}.note") if plain.exists() else plain  # signed by others, too
    if path != plain and _is_there(path, note):
        return path
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        _write(descriptor, note)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return path


def _is_there(path: Path, note: str) -> bool:
    """Whether the file is *note*.

    :raises AnchorError: it is a checkpoint of as many entries that are not the same.
    """
    if not path.exists():
        return False
    before = path.read_text(encoding="utf-8", errors="replace")
    if before.partition("\n\n")[0] != note.partition("\n\n")[0]:
        said = f"{path} holds another checkpoint of as many entries: one of the two logs is not the log"
        raise AnchorError(f"{said}. Keep that file, and find out which")
    return before == note


def _append(path: Path, note: str) -> None:
    if path.exists() and not path.is_file():
        raise AnchorError(f"{path} is no file. To hand the checkpoint to a program: flask consent anchor command -- …")
    written = note + "\n"  # an empty line tells one from the next
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        tail = file.read()
    if tail.endswith(written.encode()):
        os.close(descriptor)
        return
    _write(descriptor, ("" if not tail or tail.endswith(b"\n") else "\n") + written)


def _write(descriptor: int, text: str) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(descriptor)
