"""The private keys that sign the log: in a file that the site's user alone can read, or in a text of its environment.

One key a line, oldest first, all of one name; a line that begins with ``#`` is a comment. All of them sign, so that an
auditor who holds an older public key can go on with it. Not what is signed, which :mod:`.sequencer` knows. No message
here shows any part of a private key.

A file that others than its owner can read is refused, unless it lies on a read-only mount: secrets that an orchestrator
mounts have the modes that it gives them, and ``chmod`` cannot change them.

Sources: C2SP signed-note; ssh's rule for identity files (StrictModes); Docker and Kubernetes, "Secrets".
"""

from __future__ import annotations

import os
import shlex
import stat
import threading
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigError
from ..proof.errors import NoteError
from ..proof.note import SigningKey

#: Where the text of a key comes from, as messages name it.
TEXT = "CONSENT_SIGNING_KEY_TEXT"
#: Bytes of a seed.
SEED_BYTES = 32

_LONGEST = 64 * 1024
_COMMENT = (
    "# The private key that signs the consent log of {name}. Whoever has it can sign in the site's name:\n"
    "# show it to nobody, and keep a copy in a safe place elsewhere.\n"
)


def read_keys(source: Path | str) -> tuple[SigningKey, ...]:
    """The keys in a file, or in a text, oldest first; at least one.

    :raises ConfigError: the file cannot be read, others can read it too, or what it says is no list of keys.
    """
    if isinstance(source, str):
        return _parse(source, TEXT)
    return _parse(_read(source), str(source))


def new_key_file(path: Path, name: str, seed: bytes) -> SigningKey:
    """Make a key and a file for it, which must not be there yet. It belongs to this user; for root, to the folder's.

    :param name: Of the log; no spaces and no ``+``.
    :param seed: 32 random bytes.
    :raises ConfigError: the name is none, the file is there, or cannot be written.
    """
    key = _generate(name, seed)
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        _write_new(path, _COMMENT.format(name=name) + key.encode() + "\n", owner=_user_of(path.parent))
    except FileExistsError:
        if not path.exists():
            raise ConfigError(f"{path} is no place for a file. Name another file in CONSENT_SIGNING_KEY") from None
        remedy = "Run: flask consent keys rotate, to add a key to it, or name another file with --output"
        raise ConfigError(f"{path} is there already and is not overwritten. {remedy}") from None
    except OSError as error:
        remedy = "Name another file in CONSENT_SIGNING_KEY"
        raise ConfigError(f"{path} cannot be written ({error.strerror}). {remedy}") from None
    return key


def add_key(path: Path, seed: bytes) -> SigningKey:
    """Make a key of the same name and add it to the file, which keeps its owner. The file is replaced as a whole.

    :raises ConfigError: see :func:`read_keys`; also where the file cannot be written.
    """
    text = _read(path)
    key = _generate(_parse(text, str(path))[-1].name, seed)
    real = path.resolve()
    new = real.with_name(f"{real.name}.new")
    try:
        before = real.stat()
        _write_new(new, f"{text.rstrip()}\n{key.encode()}\n", owner=(before.st_uid, before.st_gid))
        new.replace(real)
        _sync(real.parent)
    except FileExistsError:
        raise ConfigError(f"{new} is there: another rotation is under way. If none is, delete that file") from None
    except OSError as error:
        remedy = "Make a key with: flask consent keys new --output FILE, and add its line where the keys come from"
        raise ConfigError(f"{path} cannot be written ({error.strerror}). {remedy}") from None
    return key


def signers(note: str) -> tuple[str, ...]:
    """The ids of the keys whose signatures *note*, one of this ledger's own, bears. Checks none of them."""
    lines = note.rpartition("\n\n")[2].splitlines()
    return tuple(b64decode(line.rpartition(" ")[2])[:4].hex() for line in lines)


class Keyring:
    """The keys that this process signs with: read anew when the file changes, made where none were ever needed before.

    :param text: The keys themselves; then *path* does not matter.
    :param name: What a key that is made here is called.
    :param may_make: Whether a missing file may be made now. Never where something was signed already: a second key
        would hide that the first one is lost.
    :param entropy: Returns that many random bytes.
    """

    def __init__(
        self,
        path: Path,
        text: str | None,
        name: str,
        *,
        may_make: Callable[[], bool],
        entropy: Callable[[int], bytes],
    ) -> None:
        #: The file of the keys.
        self.path = path
        #: What a key that is made here is called.
        self.name = name
        #: Whether the keys come from a text and not from the file.
        self.from_text = text is not None
        self._text = text
        self._may_make = may_make
        self._entropy = entropy
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] | None = None
        self._keys: tuple[SigningKey, ...] = ()

    @property
    def source(self) -> str:
        """Where the keys are, or would be, in a message."""
        return TEXT if self.from_text else str(self.path)

    def read(self) -> tuple[SigningKey, ...]:
        """The keys, oldest first; none where there is no file. Makes none.

        :raises ConfigError: see :func:`read_keys`.
        """
        with self._lock:
            seen = (self._text,) if self._text is not None else _stamp(self.path)
            if seen is None:
                self._seen, self._keys = None, ()
            elif seen != self._seen:
                self._keys = read_keys(self.path if self._text is None else self._text)
                self._seen = seen
            return self._keys

    def __call__(self) -> tuple[SigningKey, ...]:
        """The keys to sign with, oldest first; none where this host has none: then others sign.

        :raises ConfigError: see :func:`read_keys` and :func:`new_key_file`.
        """
        keys = self.read()
        if keys or not self._may_make():
            return keys
        try:
            new_key_file(self.path, self.name, self._entropy(SEED_BYTES))
        except ConfigError:
            if not self.path.exists():
                raise
        return self.read()  # what another process made meanwhile is as good


def _generate(name: str, seed: bytes) -> SigningKey:
    try:
        return SigningKey.generate(name, seed)
    except NoteError as error:
        raise ConfigError(f"a key cannot be called that: {error}") from None


def _parse(text: str, where: str) -> tuple[SigningKey, ...]:
    keys: dict[SigningKey, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for written in () if line.lstrip().startswith("#") else line.split():
            try:
                keys[SigningKey.parse(written)] = None
            except NoteError as error:
                remedy = "Write each key as flask consent keys new made it, on a line of its own"
                raise ConfigError(f"{where}, line {number}: {error}. {remedy}") from None
    if not keys:
        raise ConfigError(f"{where} holds no key. Remove it, and run: flask consent keys new")
    if len({key.name for key in keys}) > 1:
        raise ConfigError(f"{where} holds keys of several names. A log has one name: keep the keys of one of them")
    return tuple(keys)


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe must not hold the site up
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}. Run: flask consent keys new") from None
    except PermissionError:
        remedy = f"Give it to the user that runs the site: chown USER {shlex.quote(str(path))}"
        raise ConfigError(f"{path} cannot be read by this user. {remedy}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None
    try:
        _check_private(path, descriptor)
        data = os.read(descriptor, _LONGEST + 1)
    finally:
        os.close(descriptor)
    if len(data) > _LONGEST:
        raise ConfigError(f"{path} is no file of keys: it is too long")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no file of keys: it is not UTF-8") from None


def _check_private(path: Path, descriptor: int) -> None:
    """Do nothing if nobody but the owner, who is this user, can read the open file."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path} is no file. Name a file in CONSENT_SIGNING_KEY")
    if os.name == "nt" or os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
        return
    if found.st_mode & 0o077:
        said = (
            f"{path} holds private keys, and others than its owner can read it (mode {stat.S_IMODE(found.st_mode):04o})"
        )
        raise ConfigError(f"{said}. Run: chmod 600 {shlex.quote(str(path))}")
    if found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:  # who owns it could change it at will
        remedy = f"Run: chown {os.geteuid()} {shlex.quote(str(path))}"
        raise ConfigError(f"{path} holds private keys and belongs to another user. {remedy}")


def _stamp(path: Path) -> tuple[object, ...] | None:
    """What changes when the file does; ``None`` where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_uid


def _write_new(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Write a file that was not there, for its owner alone; it is whole and on the disk in the end, or not there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if owner is not None and os.name != "nt" and owner != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, *owner)
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        _sync(path.parent)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _user_of(folder: Path) -> tuple[int, int] | None:
    """Whose a new file in *folder* has to be: what root makes among a user's files, the user has to be able to read."""
    if os.name == "nt" or os.geteuid():
        return None
    found = folder.stat()
    return (found.st_uid, found.st_gid)


def _sync(folder: Path) -> None:
    """Have the names in *folder* on the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
