"""The command an auditor runs: what it prints, how it ends, and that no file can break it."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.export import csv_table
from consent.proof import console
from consent.proof.note import SigningKey
from consent.proof.report import plain, text
from consent.proof.verdict import Reason, Report, Verdict
from tests import exports
from tests.exports import KEY, STRANGER

ROOT = Path(__file__).parents[2]
#: What a small machine may have left.
MEMORY = 512 << 20
#: What a site needs and an auditor has not.
FOREIGN = (
    "flask",
    "werkzeug",
    "jinja2",
    "click",
    "sqlalchemy",
    "alembic",
    "marshmallow",
    "itsdangerous",
    "turbohtml",
    "babel",
)
BLOCKED = f"""
import sys
for name in {FOREIGN!r}:
    sys.modules[name] = None
import consent.proof.console as console
print(*sorted(name for name in sys.modules if name.startswith("consent")), sep="\\n", file=sys.stderr)
sys.exit(console.main())
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an export, its key, and checkpoints of two sizes; tests run in it."""
    log = exports.small()
    (tmp_path / "export.ndjson").write_bytes(log.export())
    (tmp_path / "site.pub").write_text(f"# the key of example.org\n\n{KEY.public.encode()}\n")
    (tmp_path / "five.note").write_text(log.checkpoint(5))
    (tmp_path / "all.note").write_text(log.checkpoint())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path, code: str = "", stdin: bytes = b"", limited: bool = False) -> tuple[int, str, str]:
    """Exit code, output and errors of the command in a process of its own."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    command = [sys.executable, *(["-c", code] if code else ["-m", "consent.proof.console"]), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command, input=stdin, capture_output=True, env=environment, check=False, preexec_fn=limit if limited else None
    )
    return done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii")


def verdict(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command in this process."""
    code = console.main(["verify", *arguments])
    return code, capsys.readouterr().out


def test_it_runs_where_nothing_of_the_site_is_installed(room: Path) -> None:
    """Neither a web framework nor a database: it loads what proves, and nothing else of this library."""
    code, out, err = run("verify", "export.ndjson", "--key", "site.pub", code=BLOCKED)
    assert (code, out.split(":")[0]) == (0, "VALID, UNANCHORED")
    assert set(err.split()) <= {
        "consent",
        "consent.errors",
        *(name for name in err.split() if name.startswith("consent.proof")),
    }


def test_the_verdict_comes_first_and_in_plain_words(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then whose export it is, what was counted, and what the words in capitals mean."""
    code, out = verdict(capsys, "export.ndjson", "--key", "site.pub", "--checkpoint", "five.note")
    assert code == 0
    assert out.splitlines()[0].startswith("VALID, ANCHORED: everything here is what the site signed")
    for fact in (
        "Site          example.org\n",
        f"Signed by     key {KEY.public.id}\n",
        "Log's size    12 entries\n",
        "Records from  2026-04-11 08:00 UTC to 2026-04-13 08:00 UTC\n",
        "4 verified\n",
        "1 erased",
        "3 deleted after their time",
        "1 not in the log yet",
        "1 notice, 1 edition of the policy",
        "None of its first 5 entries was changed or removed since",
        "For the 7 entries after them",
    ):
        assert " ".join(fact.split()) in " ".join(out.split())


def test_without_a_checkpoint_it_says_what_that_leaves_open(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """UNANCHORED is no failure, and no proof of history either."""
    code, out = verdict(capsys, "export.ndjson", "--key", "site.pub")
    assert code == 0
    assert "UNANCHORED: No earlier checkpoint was given" in out
    assert "not that it never rewrote its log" in " ".join(out.split())


def test_a_selection_says_so(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PARTIAL is in the first line and explained in the last."""
    Path("some.ndjson").write_bytes(exports.small().export(only={0, 1, 5}, old=[5]))
    code, out = verdict(
        capsys, "some.ndjson", "--key", "site.pub", "--checkpoint", "five.note", "--checkpoint", "all.note"
    )
    assert code == 0
    assert out.startswith("VALID, ANCHORED, PARTIAL: ")
    assert out.splitlines()[-2].startswith("PARTIAL: This is a selection.")
    assert "erased" not in out, "a selection cannot tell"
    assert "deleted after" not in out
    assert "1 not in the log yet" in out
    told = json.loads(verdict(capsys, "some.ndjson", "--key", "site.pub", "--json")[1])
    assert [told["counts"][name] for name in ("erased", "purged", "unsequenced")] == [None, None, 1]


def test_an_invalid_export_names_the_line(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One reason a line, and no counts that nobody should quote."""
    data = Path("export.ndjson").read_bytes().replace(b'"event":"withdrawn"', b'"event":"given"')
    Path("forged.ndjson").write_bytes(data)
    code, out = verdict(capsys, "forged.ndjson", "--key", "site.pub")
    assert code == 1
    assert out.startswith("INVALID: this export is not what the site signed")
    assert "  - line 7: the record is not the one that was entered in the log, or its salt is not\n" in out
    assert "verified" not in out


def test_a_diverged_log_names_the_checkpoint(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So that the auditor knows which copy to put beside it."""
    Path("other.ndjson").write_bytes(exports.large(20).export())
    code, out = verdict(capsys, "other.ndjson", "--key", "site.pub", "--checkpoint", "five.note")
    assert code == 2
    assert out.startswith("DIVERGED: ")
    assert "the checkpoint five.note is of 5 entries, and the first 5 of this log are others: it was rewritten" in out


def test_the_same_as_data(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said to people that programs cannot read, and the other way round."""
    code, out = verdict(capsys, "export.ndjson", "--key", "site.pub", "--checkpoint", "five.note", "--json")
    told = json.loads(out)
    assert code == told["exit_code"] == 0
    assert told["verdict"] == "VALID"
    assert told["anchored"] is True
    assert told["partial"] is False
    assert told["counts"] == {"records": 4, "erased": 1, "purged": 3, "unsequenced": 1, "notices": 1, "editions": 1}
    code, out = verdict(capsys, "missing.ndjson", "--key", "site.pub", "--json")
    told = json.loads(out)
    assert code == told["exit_code"] == 3
    assert told["verdict"] == "NOT CHECKED"
    assert told["reasons"] == [{"line": None, "reason": "missing.ndjson cannot be read: No such file or directory"}]


def test_a_key_may_be_given_as_text_or_file(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that fits is enough, whatever stands beside it."""
    Path("both.pub").write_text(f"{STRANGER.public.encode()}\r\n{KEY.public.encode()}\n", encoding="utf-8-sig")
    for key in (KEY.public.encode(), "site.pub", "both.pub"):
        assert verdict(capsys, "export.ndjson", "--key", key)[0] == 0
    assert verdict(capsys, "export.ndjson", "--key", STRANGER.public.encode(), "--key", "site.pub")[0] == 0


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("no-such.pub", "--key is neither a public key nor a file with one"),
        (KEY.encode(), "--key is neither a public key nor a file with one: that is the private key"),
        ("private.key", "the key file private.key: that is the private key"),
        ("empty.pub", "the key file empty.pub is empty"),
        ("five.note", "the key file five.note: not a key"),
        ("export.ndjson", "the key file export.ndjson: not a key"),
        ("binary.pub", "the key file binary.pub: not a text"),
        ("large.pub", "the key file large.pub is longer than 64 KiB"),
        (".", "the key file . cannot be read"),
        ("\0", "--key is neither"),
        ("a" * 5000, "--key is neither"),
        (STRANGER.public.encode(), "line 1: the checkpoint in the header: not signed by"),
        (SigningKey.generate("example.net", bytes(32)).public.encode(), "line 1: the checkpoint in the header: not signed by"),
    ],
)  # fmt: skip
def test_a_wrong_key_gets_one_line_and_no_verdict(
    room: Path, capsys: pytest.CaptureFixture[str], key: str, reason: str
) -> None:
    """And never shows a private one."""
    Path("private.key").write_text(KEY.encode())
    Path("empty.pub").write_text("\n# nothing\n")
    Path("binary.pub").write_bytes(b"\xff\xfe\x00")
    Path("large.pub").write_bytes(b"a" * (1 << 17))
    code, out = verdict(capsys, "export.ndjson", "--key", key)
    assert code == 3
    assert out.splitlines()[1].startswith(f"  - {reason}")
    assert len(out.splitlines()) == 2
    assert "PRIVATE+KEY" not in out


def malformed(data: bytes) -> dict[str, bytes]:
    """Files that are no export, or no more one, by what was done to them."""
    written = data.splitlines(keepends=True)
    middle = b"".join(written[:5]), b"".join(written[5:])
    return {
        "empty": b"",
        "a newline": b"\n",
        "a NUL": b"\0",
        "an object": b"{}\n",
        "an array": b"[]\n",
        "a number": b"9" * 5000 + b"\n",
        "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        "CSV": b"record_id,site\n1,example.org\n",
        "a BOM": b"\xef\xbb\xbf" + data,
        "UTF-16": data.decode().encode("utf-16"),
        "CRLF": data.replace(b"\n", b"\r\n"),
        "CR": data.replace(b"\n", b"\r"),
        "one CRLF": data.replace(b"\n", b"\r\n", 3).replace(b"\r\n", b"\n", 2),
        "gzip": gzip.compress(data),
        "zip": b"PK\x03\x04" + data,
        "bzip2": b"BZh9" + data,
        "xz": b"\xfd7zXZ\0" + data,
        "zstd": b"\x28\xb5\x2f\xfd" + data,
        "truncated": data[: len(data) // 2],
        "no last newline": data[:-1],
        "no manifest": b"".join(written[:-1]),
        "header only": written[0],
        "manifest only": written[-1],
        "no header": b"".join(written[1:]),
        "two headers": written[0] + data,
        "two manifests": data + written[-1],
        "twice": data + data,
        "reversed": b"".join(reversed(written)),
        "sorted": b"".join(sorted(written)),
        "a blank line": b"\n".join(middle),
        "blank at the end": data + b"\n",
        "spaces at the end": data + b"  ",
        "pretty": json.dumps(json.loads(written[3]), indent=1).encode().join(middle),
        "spaced": b"".join(json.dumps(json.loads(line), ensure_ascii=False).encode() + b"\n" for line in written),
        "escaped": b"".join(json.dumps(json.loads(line), separators=(",", ":")).encode() + b"\n" for line in written),
        "wrong JSON": b"{]\n".join(middle),
        "NaN": b'{"index":NaN}\n'.join(middle),
        "not UTF-8": b'"\xff\xfe"\n'.join(middle),
        "a surrogate": b'"\\ud800"\n'.join(middle),
        "deep": (b"[" * 100_000 + b"]" * 100_000 + b"\n").join(middle),
        "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n").join(middle),
        "deep header": b"[" * 1_000_000 + b"\n" + data,
        "many lists": (b"[" + b"[]," * 1_300_000 + b"[]]\n").join(middle),
        "a long number": (b'{"index":' + b"9" * 100_000 + b"}\n").join(middle),
        "an index out of range": (b'{"index":99999999999999999999,"leaf":{},"type":"leaf"}\n').join(middle),
        "a long line": (b'{"a":"' + b"a" * (5 << 20) + b'"}\n').join(middle),
        "NULs": (b"\0" * (6 << 20)).join(middle),
        "another format": data.replace(b"consentry-export/1", b"consentry-export/2", 1),
        "types": data.replace(b'"index":3', b'"index":"3"'),
        "null leaf": b'{"index":3,"leaf":null,"type":"leaf"}\n'.join(middle),
        "list type": b'{"index":3,"leaf":{"kind":[]},"type":[]}\n'.join(middle),
        "terminal": b'{"\x1b[2J\x1b]0;owned\x07":1}\n'.join(middle),
        "more terminal": b'{"type":"leaf","\xc2\x9b2J\xe2\x80\xae":1}\n'.join(middle),
    }


MALFORMED = sorted(malformed(exports.small().export()))


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_export_gets_a_reason(room: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    """Exit 1 or 3, the line named, nothing raw for the terminal, and no exception."""
    Path("broken.ndjson").write_bytes(malformed(exports.small().export())[what])
    code, out = verdict(capsys, "broken.ndjson", "--key", "site.pub")
    assert code in (1, 3)
    said = out.splitlines()[1]
    assert said.startswith("  - line ") or (what == "empty" and "empty" in said)
    assert all(character.isprintable() or character == "\n" for character in out)
    assert max(map(len, out.splitlines())) < 500


def test_a_csv_of_ours_is_known(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its line ends are as CSV has them: what is wrong is that it is no evidence."""
    Path("records.csv").write_bytes(b"".join(csv_table.blocks([])))
    code, out = verdict(capsys, "records.csv", "--key", "site.pub")
    assert code == 3
    assert "a CSV for viewing, which is no evidence" in " ".join(out.split())


def test_every_malformed_export_is_read_in_little_memory(room: Path) -> None:
    """The worst of them, in a process that may not have more than a small machine gives it."""
    files = malformed(exports.small().export())
    for what in ("many lists", "a long line", "NULs", "deep", "deep header"):
        Path("broken.ndjson").write_bytes(files[what])
        code, out, err = run("verify", "broken.ndjson", "--key", "site.pub", limited=True)
        assert code in (1, 3)
        assert "  - line " in out
        assert err == ""


@pytest.mark.parametrize("filling", [b"\0", b"a"])
@pytest.mark.parametrize("behind", ["nothing", "the header", "the entries"])
def test_a_line_of_ten_gigabytes_is_not_read(room: Path, filling: bytes, behind: str) -> None:
    """Reading stops 4 MiB into it, in a second and in little memory, wherever it stands."""
    lines = exports.small().export().splitlines(keepends=True)
    begin = b"".join({"nothing": [], "the header": lines[:1], "the entries": lines[:-1]}[behind])
    with Path("huge.ndjson").open("wb") as file:
        file.write(begin)
        file.write(filling * (5 << 20))
        file.truncate(10 << 30)
    started = time.monotonic()
    code, out, err = run("verify", "huge.ndjson", "--key", "site.pub", limited=True)
    assert code == (3 if behind == "nothing" else 1)
    assert f"  - line {begin.count(10) + 1}: longer than " in out
    assert err == ""
    assert time.monotonic() - started < 20


def test_endless_input_ends(room: Path) -> None:
    """Whatever never sends a newline is cut off."""
    for source in ("/dev/zero", "-"):
        with Path("/dev/zero").open("rb") as zero:
            command = [sys.executable, "-m", "consent.proof.console", "verify", source, "--key", "site.pub"]
            done = subprocess.run(
                command, stdin=zero, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
            )
        assert done.returncode == 3
        assert b"line 1: longer than 4 MiB" in done.stdout


def test_standard_input_will_do(room: Path) -> None:
    """For what comes compressed, or from elsewhere."""
    code, out, err = run("verify", "-", "--key", "site.pub", stdin=Path("export.ndjson").read_bytes())
    assert (code, out.split(":")[0], err) == (0, "VALID, UNANCHORED", "")
    code, out, _ = run("verify", "-", "--key", "site.pub")
    assert code == 3
    assert "is empty" in out


def test_a_pipe_will_do(room: Path) -> None:
    """As ``<(zcat export.ndjson.gz)`` is one."""
    os.mkfifo("pipe")
    with subprocess.Popen(["sh", "-c", "cat export.ndjson > pipe"]):
        code, out, _ = run("verify", "pipe", "--key", "site.pub")
    assert (code, out.split(":")[0]) == (0, "VALID, UNANCHORED")


@pytest.mark.parametrize(
    ("export", "reason"),
    [
        ("missing.ndjson", "missing.ndjson cannot be read: No such file"),
        (".", "that is a directory"),
        ("site.pub/export", "site.pub/export cannot be read: Not a directory"),
        ("\0", "\\x00 cannot be read"),
        ("a" * 5000, "a"),
        ("evil\x1b[2J.ndjson", "evil\\x1b[2J.ndjson cannot be read"),
        ("/proc/self/mem", "/proc/self/mem cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_file_gets_one_line(
    room: Path, capsys: pytest.CaptureFixture[str], export: str, reason: str
) -> None:
    """Named, without control characters, and without a verdict."""
    code, out = verdict(capsys, export, "--key", "site.pub")
    assert code == 3
    assert out.splitlines()[1].startswith(f"  - {reason}")
    assert len(out.splitlines()) == 2
    assert all(character.isprintable() or character == "\n" for character in out)


@pytest.mark.parametrize(
    "old", ["missing.note", ".", "export.ndjson", "site.pub", "cut.note", "foreign.note", "large.note"]
)
def test_a_wrong_checkpoint_gets_one_line(room: Path, capsys: pytest.CaptureFixture[str], old: str) -> None:
    """It names the file."""
    Path("cut.note").write_text(exports.small().checkpoint()[:-20])
    Path("foreign.note").write_text(exports.small().checkpoint(keys=[STRANGER]))
    Path("large.note").write_bytes(b"a" * (1 << 20))
    code, out = verdict(capsys, "export.ndjson", "--key", "site.pub", "--checkpoint", "five.note", "--checkpoint", old)
    assert code == 3
    assert out.splitlines()[1].startswith(f"  - the checkpoint {old}")
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify"],
        ["verify", "export.ndjson"],
        ["verify", "export.ndjson", "--key"],
        ["verify", "export.ndjson", "--key", "site.pub", "--jobs", "0"],
        ["verify", "export.ndjson", "--key", "site.pub", "--jobs", "many"],
        ["verify", "export.ndjson", "--key", "site.pub", "--frobnicate\x1b"],
        ["frobnicate"],
    ],
)
def test_a_mistake_on_the_command_line_is_no_verdict(
    room: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """It ends in 3, as 2 means DIVERGED."""
    with pytest.raises(SystemExit) as ended:
        console.main(arguments)
    assert ended.value.code == 3
    assert "\x1b" not in capsys.readouterr().err


def test_help_and_version_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The help has examples and exit codes."""
    for arguments in (["--version"], ["--help"], ["verify", "--help"]):
        with pytest.raises(SystemExit) as ended:
            console.main(arguments)
        assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("consentry ")
    assert "consentry verify export.ndjson --key site.pub --checkpoint" in out
    assert "2  DIVERGED" in out


def test_a_key_can_be_shown_for_comparison(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Name and id, as the site tells them by telephone."""
    assert console.main(["show-key", "site.pub"]) == 0
    assert capsys.readouterr().out == (f"log  example.org/consent\nid   {KEY.public.id}\nkey  {KEY.public.encode()}\n")
    assert console.main(["show-key", KEY.encode()]) == 3
    assert "PRIVATE+KEY" not in capsys.readouterr().out


def test_a_report_that_nobody_gets_is_no_verdict(room: Path) -> None:
    """A full disk where the output goes."""
    command = [sys.executable, "-m", "consent.proof.console", "verify", "export.ndjson", "--key", "site.pub"]
    with Path("/dev/full").open("wb") as full:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == 3
    assert done.stderr == b"consentry: the report cannot be written: No space left on device\n"


def test_a_mistake_of_the_verifier_is_no_verdict(
    room: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own exit code for it would mean INVALID."""
    monkeypatch.setattr(console, "verify", lambda *_, **__: 1 / 0)
    code, out = verdict(capsys, "export.ndjson", "--key", "site.pub")
    assert code == 3
    assert "the verifier itself failed, please report it: ZeroDivisionError" in out


def test_nobody_reading_is_no_error(room: Path) -> None:
    """``consentry verify … | head -0`` prints no traceback."""
    done = subprocess.run(
        ["sh", "-c", f"{shlex.quote(sys.executable)} -m consent.proof.console verify export.ndjson --key site.pub | :"],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stderr == b""


@pytest.mark.slow
def test_a_large_export_is_read_by_several_processes(room: Path) -> None:
    """With the same verdict as one process gives, good or bad, in the memory that one part takes."""
    old = exports.write(room / "large.ndjson", 50_000, old=[1, 20_000, 50_002])
    for number, note in enumerate(old):
        Path(f"{number}.note").write_text(note)
    arguments = ["verify", "large.ndjson", "--key", "site.pub", "--json"]
    arguments += [part for number in range(3) for part in ("--checkpoint", f"{number}.note")]
    one, two = (run(*arguments, "--jobs", jobs, limited=True) for jobs in ("1", "3"))
    assert one == two
    assert json.loads(one[1])["checkpoints"] == [1, 20_000, 50_002]
    with Path("large.ndjson").open("r+b") as file:
        file.seek(30 << 20)
        file.write(b"\0")
        file.seek(40 << 20)
        file.write(b"\0")
    one, two = (run(*arguments, "--jobs", jobs, limited=True) for jobs in ("1", "3"))
    assert one == two
    assert one[0] == 1
    assert len(json.loads(one[1])["reasons"]) == 2


@given(st.text())
def test_nothing_foreign_reaches_the_terminal_raw(foreign: str) -> None:
    """Whatever a file says, the report has as many lines as it should and only characters that print."""
    report = Report(
        verdict=Verdict.INVALID, reasons=(Reason(3, foreign),), site=foreign, origin=foreign, size=1, root=bytes(32)
    )
    out = text(report)
    assert all(character.isprintable() or character == "\n" for character in out)
    assert out.count("\n") == text(
        Report(verdict=Verdict.INVALID, reasons=(Reason(3, ""),), size=1, root=bytes(32))
    ).count("\n")
    assert len(plain(foreign * 100)) < 5000
