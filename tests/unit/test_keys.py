"""The keys that sign the log: files, texts, permissions."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import ConfigError
from consent.ledger.keys import Keyring, add_key, new_key_file, read_keys
from consent.proof.note import SigningKey

SEED = bytes(range(32))
KEY = SigningKey.generate("example", SEED)
OTHER = SigningKey.generate("example", SEED[::-1])
#: What must be in no message.
SECRETS = (KEY.encode()[-44:], OTHER.encode()[-44:], SEED.hex())


def keyring(path: Path, text: str | None = None, *, may: Callable[[], bool] = lambda: False) -> Keyring:
    return Keyring(path, text, "example", may_make=may, entropy=os.urandom)


def refused(read: Callable[[], object]) -> str:
    """Why; never with a key in it."""
    with pytest.raises(ConfigError) as caught:
        read()
    said = str(caught.value)
    assert not any(secret in said for secret in SECRETS)
    assert "PRIVATE+KEY" not in said
    return said


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one key."""
    path = tmp_path / "keys" / "signing.key"
    new_key_file(path, "example", SEED)
    return path


def test_a_new_file_is_its_owners_alone(file: Path) -> None:
    """Whatever the umask; its first lines tell whoever opens it what it is."""
    assert mode(file) == 0o600
    assert read_keys(file) == (KEY,)
    assert file.read_text().startswith("# The private key that signs the consent log of example.")


def test_a_file_is_never_overwritten(file: Path) -> None:
    """Who lost a key has lost it."""
    before = file.read_bytes()
    assert "is not overwritten" in refused(lambda: new_key_file(file, "example", SEED[::-1]))
    assert file.read_bytes() == before


def test_a_name_that_no_key_can_have(tmp_path: Path) -> None:
    """Nothing is written."""
    assert "cannot be called that" in refused(lambda: new_key_file(tmp_path / "k", "two words", SEED))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """The message names the setting."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "k", tmp_path / "file" / "folder" / "k", Path("/proc/nowhere/k")):
        assert "CONSENT_SIGNING_KEY" in refused(lambda path=path: new_key_file(path, "example", SEED))  # type: ignore[misc]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o610, 0o666, 0o777])
def test_a_file_that_others_can_read_is_refused(file: Path, bits: int) -> None:
    """For root as well; the message is the command to run."""
    file.chmod(bits)
    said = refused(lambda: read_keys(file))
    assert f"mode {bits:04o}" in said
    assert said.endswith(f"Run: chmod 600 {file}")


@pytest.mark.parametrize("bits", [0o600, 0o400, 0o700])
def test_a_file_that_is_private_is_read(file: Path, bits: int) -> None:
    """Stricter is fine."""
    file.chmod(bits)
    assert read_keys(file) == (KEY,)


def test_a_secret_on_a_read_only_mount_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An orchestrator's secret has the mode that it was given, and nobody can change it."""
    file.chmod(0o444)
    flags = os.statvfs(file)
    monkeypatch.setattr(
        os, "fstatvfs", lambda _: os.statvfs_result((*flags[:8], flags.f_flag | os.ST_RDONLY, flags[9]))
    )
    assert read_keys(file) == (KEY,)


def test_a_file_of_another_user(file: Path) -> None:
    """The user of the site cannot read what root made, and is told what to do about it."""
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    program = f"""
import os, sys
from pathlib import Path
from consent import ConfigError
from consent.ledger.keys import read_keys
os.setgid(65534); os.setuid(int(sys.argv[1]))
try:
    print(len(read_keys(Path({str(file)!r}))))
except ConfigError as error:
    print(error)
"""

    def tried(user: int) -> str:
        done = subprocess.run([sys.executable, "-c", program, str(user)], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    for folder in file.parents:
        if folder == Path("/tmp"):  # noqa: S108  # pytest's own folders let nobody else in
            break
        os.chmod(folder, 0o755)  # noqa: PTH101, S103
    assert "cannot be read by this user" in tried(65534)
    assert f"chown USER {file}" in tried(65534)
    os.chown(file, 65534, 65534)
    assert tried(65534) == "1"
    assert read_keys(file) == (KEY,), "root's command line reads the site's key"


def test_what_root_makes_among_a_users_files_is_the_users(tmp_path: Path) -> None:
    """The site goes on when its operator has run a command as root."""
    if os.geteuid():
        pytest.skip("only root can make files of somebody else")
    os.chown(tmp_path, 65534, 65533)
    new_key_file(tmp_path / "k", "example", SEED)
    found = (tmp_path / "k").stat()
    assert (found.st_uid, found.st_gid, mode(tmp_path / "k")) == (65534, 65533, 0o600)


def test_a_pipe_or_a_folder_is_no_file(tmp_path: Path) -> None:
    """And holds nobody up."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is no file" in refused(lambda: read_keys(tmp_path / "pipe"))
    assert "is no file" in refused(lambda: read_keys(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no key"),
        ("# only a comment\n", "holds no key"),
        ("\n\nhello\n", "line 3: not a private key"),
        (KEY.public.encode(), "line 1: not a private key"),
        (KEY.encode()[:-4], "line 1"),
        (KEY.encode()[:-5] + "AAAA=", "line 1"),
        (KEY.encode() + "\n" + OTHER.encode().replace("+example+", "+other+"), "line 2: the key's id"),
        (KEY.encode() + "\n" + SigningKey.generate("other", SEED).encode(), "several names"),
    ],
)
def test_what_is_no_list_of_keys(tmp_path: Path, text: str, said: str) -> None:
    """The line is named, and nothing of it is shown; as a file and as a text."""
    path = tmp_path / "k"
    path.write_text(text)
    path.chmod(0o600)
    assert said in refused(lambda: read_keys(path))
    assert said in refused(lambda: read_keys(text))
    assert "CONSENT_SIGNING_KEY_TEXT" in refused(lambda: read_keys(text))


@pytest.mark.parametrize("data", [b"\xff\xfe" * 50, b"#" * 70_000])
def test_a_file_of_something_else(tmp_path: Path, data: bytes) -> None:
    """No traceback, no endless reading."""
    path = tmp_path / "k"
    path.write_bytes(data)
    path.chmod(0o600)
    assert "is no file of keys" in refused(lambda: read_keys(path))


@given(
    st.lists(st.sampled_from(["", "  ", "# a comment", "\t# another"]), max_size=5),
    st.sampled_from(["\n", "\r\n", " \n"]),
)
def test_comments_and_empty_lines_do_not_matter(between: list[str], newline: str) -> None:
    """Oldest first, each once."""
    lines = [*between, KEY.encode(), *between, "  " + OTHER.encode(), KEY.encode(), *between]
    assert read_keys(newline.join(lines)) == (KEY, OTHER)


def test_a_text_may_have_spaces_for_newlines() -> None:
    """Some places for secrets know one line only."""
    assert read_keys(f"{KEY.encode()} {OTHER.encode()}") == (KEY, OTHER)


def test_a_key_is_added_at_the_end(file: Path) -> None:
    """The file keeps its comments, its mode and its owner; the new key has the name of the others."""
    if not os.geteuid():
        os.chown(file, 12345, 12345)
    owner = file.stat().st_uid
    before = file.read_text()
    added = add_key(file, SEED[::-1])
    assert read_keys(file) == (KEY, OTHER)
    assert added == OTHER
    assert file.read_text().startswith(before)
    assert (mode(file), file.stat().st_uid) == (0o600, owner)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_linked_file_stays_linked(file: Path) -> None:
    """The key is added where it really lies."""
    link = file.parent / "link"
    link.symlink_to(file.name)
    add_key(link, SEED[::-1])
    assert link.is_symlink()
    assert len(read_keys(file)) == 2


def test_two_rotations_at_a_time(file: Path) -> None:
    """The second one is refused, so that no key which was handed out is lost."""
    (file.parent / "signing.key.new").write_text("")
    assert "another rotation is under way" in refused(lambda: add_key(file, SEED[::-1]))
    assert read_keys(file) == (KEY,)


def test_a_keyring_reads_a_changed_file_anew(file: Path) -> None:
    """And does not read one that did not change."""
    ring = keyring(file)
    first = ring()
    assert ring() is first
    add_key(file, SEED[::-1])
    assert ring() == (KEY, OTHER)
    file.chmod(0o644)
    assert "chmod 600" in refused(ring)
    file.chmod(0o600)
    assert ring() == (KEY, OTHER)
    file.unlink()
    assert ring() == ()


def test_a_keyring_of_a_text(tmp_path: Path) -> None:
    """The file does not matter, and none is ever made."""
    ring = keyring(tmp_path / "k", KEY.encode(), may=lambda: True)
    assert ring() == (KEY,)
    assert ring.source == "CONSENT_SIGNING_KEY_TEXT"
    assert list(tmp_path.iterdir()) == []
    assert "holds no key" in refused(keyring(tmp_path / "k", "", may=lambda: True))


def test_a_keyring_makes_a_file_only_where_it_may(tmp_path: Path) -> None:
    """Where the log was signed before, a missing key is missing; reading never makes one."""
    path = tmp_path / "k"
    assert keyring(path)() == ()
    asked = keyring(path, may=lambda: True)
    assert asked.read() == ()
    assert not path.exists()
    (made,) = asked()
    assert made.name == "example"
    assert read_keys(path) == (made,)
    assert mode(path) == 0o600


def test_a_wrong_file_is_never_replaced(file: Path) -> None:
    """A keyring that may make a key makes none over what is there."""
    file.write_text("not a key")
    before = file.read_bytes()
    assert "not a private key" in refused(keyring(file, may=lambda: True))
    assert file.read_bytes() == before


def test_processes_that_begin_at_once_share_one_key(tmp_path: Path) -> None:
    """Who comes second takes what the first one made."""
    path, found = tmp_path / "k", set[tuple[SigningKey, ...]]()
    start = threading.Barrier(8)

    def begin() -> None:
        ring = keyring(path, may=lambda: True)
        start.wait()
        for _ in range(100):
            with suppress(ConfigError):  # half a file, for a moment
                found.add(ring())
                break

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def test_a_key_shows_nothing_of_itself(file: Path) -> None:
    """In a log, a message, a traceback's values."""
    ring = keyring(file)
    said = repr(ring) + repr(ring()) + str(vars(ring))
    assert not any(secret in said for secret in SECRETS)
    assert not re.search(r"PRIVATE", said)
