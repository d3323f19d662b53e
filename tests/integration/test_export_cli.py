"""``flask consent export``: at a terminal, into a file, into a pipe, and when something goes wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from consent import claim
from consent.ledger import Database, Sequencer, Store
from consent.ledger.export import unfinished
from consent.proof.note import SigningKey
from consent.proof.reading import Source
from consent.proof.verdict import Report, Verdict
from consent.proof.verify import verify
from flask_consentry.cli import consent_commands
from tests.entries import NOW, SITE, entry
from tests.policies import SMALL

from .conftest import Site

KEY = SigningKey.generate(SITE, bytes(32))
APP = """
from flask import Flask
from flask_consentry import Consentry
app = Flask(__name__)
app.config.update(SECRET_KEY="x", CONSENT_BACKGROUND=False)
Consentry(app)
"""
FLASK = [sys.executable, "-c", "import sys; from flask.cli import main; sys.argv[0] = 'flask'; main()", "--app", "app"]


@pytest.fixture
def recorded(site: Site) -> Site:
    """A site with a refusal on 3 March, a grant on the 4th and a withdrawal on the 5th."""
    site.post(answer="reject_all", notice=site.token())
    site.client.delete_cookie("consent_example")
    site.clock.advance(days=1)
    site.accept()
    site.clock.advance(days=1)
    site.post(answer="withdraw")
    return site


def export(site: Site, *arguments: str | Path, code: int = 0) -> Result:
    """What the command did."""
    result = site.app.test_cli_runner().invoke(consent_commands, ["export", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def verdict(site: Site, path: Path, checkpoints: dict[str, bytes] | None = None) -> Report:
    """What the verifier says of a file."""
    keys = site.state.ledger.keys()
    return verify(Source.at(path), [key.public for key in keys], checkpoints)


def events(text: str) -> list[str]:
    """Of the records in an ndjson export."""
    return [line["record"]["event"] for line in map(json.loads, text.splitlines()) if "record" in line]


def test_it_seals_first_and_verifies(recorded: Site, tmp_path: Path) -> None:
    """What waited has its place, the policy and the words in every language are there, and it is signed."""
    target = tmp_path / "out.ndjson"
    assert export(recorded, "--output", target).stderr == f"{target}: 3 records.\n"
    said = verdict(recorded, target)
    assert (said.verdict, said.reasons) == (Verdict.VALID, ())
    assert said.counts is not None
    assert (said.counts.records, said.counts.unsequenced, said.counts.editions) == (3, 0, 1)
    assert said.counts.notices >= len(recorded.state.policy.languages)


def test_words_and_policy_are_in_it(recorded: Site) -> None:
    """Each record's notice is among the notices; the edition says what runs unasked, and why; a selection has both."""
    for arguments in ([], ["--since", "2027-01-01"]):
        lines = [json.loads(line) for line in export(recorded, *arguments).stdout.splitlines()]
        words = {line["leaf"]["digest"] for line in lines if "notice" in line}
        records = [line["record"] for line in lines if "record" in line]
        assert {record["notice"] for record in records if record["notice"]} <= words
        [edition] = [line["edition"] for line in lines if "edition" in line]
        assert edition["policy_hash"] == recorded.state.policy.digest
        assert edition["necessary"] == [
            {"service": "login", "name": "Login", "reason": "Keeps members logged in.", "routes": []}
        ]


def test_records_say_who_answered_what_and_when(recorded: Site) -> None:
    """A refusal is nobody's and bears the hour; a withdrawal names the grant that it ends."""
    lines = [json.loads(line) for line in export(recorded).stdout.splitlines()]
    refused, given, withdrawn = (line["record"] for line in lines if "record" in line)
    assert (refused["subject"], refused["recorded_at"]) == (None, "2026-03-03T12:00:00.000+00:00")
    assert given["subject"] == withdrawn["subject"]
    assert withdrawn["supersedes"] == given["record_id"]
    assert given["purposes"] == {"preferences": True, "statistics": True, "social": True, "marketing": True}


def test_csv_is_a_table(recorded: Site) -> None:
    """A heading and a row for each record."""
    rows = list(csv.DictReader(io.StringIO(export(recorded, "--format", "csv").stdout, newline="")))
    assert [row["event"] for row in rows] == ["refused", "given", "withdrawn"]
    assert "statistics=yes" in rows[1]["purposes"]


def test_a_file_is_for_its_owner_alone(recorded: Site, tmp_path: Path) -> None:
    """It holds personal data; nothing else is left beside it."""
    target = tmp_path / "out.ndjson"
    target.write_text("before", encoding="utf-8")
    target.chmod(0o644)
    export(recorded, "--output", target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text(encoding="utf-8").startswith('{"checkpoint":')
    assert [path.name for path in tmp_path.glob("out*")] == ["out.ndjson"]


def test_standard_output_is_the_same(recorded: Site, tmp_path: Path) -> None:
    """Nothing but the export, with or without ``--output -``."""
    target = tmp_path / "out.ndjson"
    export(recorded, "--output", target)
    assert export(recorded).stdout_bytes == target.read_bytes() == export(recorded, "--output", "-").stdout_bytes
    assert export(recorded).stderr == ""


def test_quiet_says_nothing(recorded: Site, tmp_path: Path) -> None:
    """For a timer that mails what is said."""
    assert export(recorded, "--output", tmp_path / "out.csv", "--format", "csv", "--quiet").output == ""


@pytest.mark.parametrize("form", ["csv", "dpv", "kantara"])
def test_every_format_is_written(recorded: Site, tmp_path: Path, form: str) -> None:
    """To a file and to standard output."""
    target = tmp_path / "out"
    said = export(recorded, "--format", form, "--output", target).stderr
    assert said == f"{target}: 3 records.\n"
    assert export(recorded, "--format", form).stdout_bytes == target.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_dpv_says_where_to_withdraw(recorded: Site) -> None:
    """A path; the whole URL where the application knows its name."""
    document = json.loads(export(recorded, "--format", "dpv").stdout)
    assert document["@graph"][0]["dpv:hasConsentControl"]["dpv:isExercisedAt"] == "/consent/preferences"
    recorded.app.config.update(SERVER_NAME="www.example.org", PREFERRED_URL_SCHEME="https")
    document = json.loads(export(recorded, "--format", "dpv").stdout)
    assert document["@graph"][0]["dpv:hasConsentControl"]["dpv:isExercisedAt"].startswith("https://www.example.org/")


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--event", "refused"], ["refused"]),
        (["--event", "refused", "--event", "given"], ["refused", "given"]),
        (["--purpose", "statistics"], ["refused", "given", "withdrawn"]),
        (["--purpose", "statistics", "--since", "2026-03-04", "--until", "2026-03-05"], ["given"]),
        (["--since", "2026-03-04"], ["given", "withdrawn"]),
        (["--until", "2026-03-04"], ["refused"]),
        (["--since", "2026-03-03T13:00+01:00", "--until", "2026-03-03T12:00:01"], ["refused"]),
        (["--since", "2027-01-01"], []),
    ],
)
def test_records_are_selected(recorded: Site, tmp_path: Path, arguments: list[str], found: list[str]) -> None:
    """By event, purpose and time; the selection verifies as partial."""
    target = tmp_path / "out.ndjson"
    export(recorded, *arguments, "--output", target)
    assert events(target.read_text(encoding="utf-8")) == found
    said = verdict(recorded, target)
    assert (said.verdict, said.is_partial) == (Verdict.VALID, True)


def test_one_subject_is_selected(recorded: Site) -> None:
    """By what its records name it, in whatever case."""
    [subject] = {one.subject for one in recorded.records if one.subject}
    assert events(export(recorded, "--subject", subject.hex()).stdout) == ["given", "withdrawn"]
    assert events(export(recorded, "--subject", subject.hex().upper()).stdout) == ["given", "withdrawn"]
    assert events(export(recorded, "--subject", "0" * 32).stdout) == []


def test_a_visitor_is_selected_by_receipt(recorded: Site, tmp_path: Path) -> None:
    """By the code on the visitor's own page; also from standard input, where no history shows it."""
    [subject] = {one.subject for one in recorded.records if one.subject}
    code = claim.write(recorded.state.claims, subject)
    assert events(export(recorded, "--receipt", code).stdout) == ["given", "withdrawn"]
    for option, given in (("--receipt", code), ("--subject", subject.hex())):
        arguments = ["export", option, "-", "--output", str(tmp_path / "out")]
        result = recorded.app.test_cli_runner().invoke(consent_commands, arguments, input=f" {given} \n")
        assert result.exit_code == 0, result.output
        assert events((tmp_path / "out").read_text(encoding="utf-8")) == ["given", "withdrawn"]
        assert given not in result.output
    assert verdict(recorded, tmp_path / "out").is_partial


def test_an_export_leaves_out_what_was_erased_and_came_in_late(recorded: Site) -> None:
    """Without the thread that would have swept it up."""
    [subject] = {one.subject for one in recorded.records if one.subject}
    recorded.state.ledger.eraser.erase_subject(subject, now=recorded.clock())
    recorded.state.ledger.spool.put(entry(1, subject=subject, at=recorded.clock()))
    assert subject.hex() not in export(recorded).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--purpose", "statistic"], "'statistic' was never declared. Declared are: marketing, preferences, social"),
        (["--event", "gave"], "'given', 'refused', 'withdrawn'"),
        (["--subject", "5f"], "32 hexadecimal digits"),
        (["--receipt", "5f"], "no receipt code of this site"),
        (["--receipt", "5f", "--subject", "0" * 32], "--receipt or by --subject, one of the two"),
        (["--since", "yesterday"], '"2026-03-03"'),
        (["--format", "csv", "--resume", "--output", "x"], "are for ndjson"),
        (["--format", "dpv", "--checkpoint", __file__], "are for ndjson"),
        (["--resume"], "--resume needs the --output"),
        (["--checkpoint", "/nowhere"], "does not exist"),
    ],
)
def test_what_is_asked_for_wrongly_is_explained(recorded: Site, arguments: list[str], said: str) -> None:
    """With what would be right; exit code 2."""
    assert said in re.sub(r"\s+", " ", export(recorded, *arguments, code=2).stderr)


def test_a_place_that_is_none_is_explained(recorded: Site, tmp_path: Path) -> None:
    """A folder that is missing, a folder instead of a file, a folder that is a file."""
    (tmp_path / "file").touch()
    for place, said in (
        (tmp_path / "no" / "out", "there is no folder"),
        (tmp_path, "is a folder. Name a file in it"),
        (tmp_path / "file" / "out", "there is no folder"),
        (tmp_path / ("x" * 300), "Name another file"),
    ):
        assert said in export(recorded, "--output", place, code=1).stderr


def test_what_stands_there_stays_until_the_export_is_whole(recorded: Site, tmp_path: Path) -> None:
    """Also where the export cannot be made."""
    target = tmp_path / "out.ndjson"
    target.write_text("before", encoding="utf-8")
    with unfinished(target, resume=False):
        said = export(recorded, "--output", target, code=1).stderr
    assert f"{target}.part is being written by another export" in said
    assert target.read_text(encoding="utf-8") == "before"


def test_a_link_is_followed(recorded: Site, tmp_path: Path) -> None:
    """The file that it leads to is replaced, and not the link; none stands in for the temporary name."""
    (tmp_path / "real").write_text("before", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    export(recorded, "--output", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert events((tmp_path / "real").read_text(encoding="utf-8")) == ["refused", "given", "withdrawn"]
    (tmp_path / "elsewhere").touch()
    (tmp_path / "new.part").symlink_to(tmp_path / "elsewhere")
    assert "new.part cannot be written" in export(recorded, "--output", tmp_path / "new", code=1).stderr
    assert (tmp_path / "elsewhere").stat().st_size == 0


def test_a_pipe_is_written_to_and_not_replaced(recorded: Site, tmp_path: Path) -> None:
    """Nor is a device, such as ``/dev/null``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    export(recorded, "--output", pipe)
    reader.join(timeout=30)
    assert events(read[0]) == ["refused", "given", "withdrawn"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    export(recorded, "--output", os.devnull)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_without_a_key_there_is_nothing_to_verify(recorded: Site, tmp_path: Path) -> None:
    """The error says where a key would be and how to make one; what needs no signature is exported all the same."""
    export(recorded)
    key = recorded.state.ledger.keys.path
    key.rename(tmp_path / "elsewhere.key")
    recorded.post(answer="reject_all", notice=recorded.token())
    said = export(recorded, "--output", tmp_path / "out", code=1).stderr
    assert f"there is no key in {key}. Run: flask consent keys new" in said
    assert not list(tmp_path.glob("out*"))
    said = export(recorded, "--format", "csv", "--output", tmp_path / "out").stderr
    assert said.endswith("out: 3 records, and 1 record without a place in the log yet.\n")


def test_an_erasure_that_was_never_signed_stops_the_export(recorded: Site, tmp_path: Path) -> None:
    """Up to the last checkpoint, records would be missing for no reason that the export could show."""
    export(recorded)
    key = recorded.state.ledger.keys.path
    key.rename(tmp_path / "elsewhere.key")
    [subject] = {one.subject for one in recorded.records if one.subject}
    recorded.state.ledger.eraser.erase_subject(subject, now=recorded.clock())
    said = export(recorded, "--format", "csv", code=1).stderr
    assert "were erased, and the log is not signed since. Run: flask consent seal" in said
    (tmp_path / "elsewhere.key").rename(key)
    assert events(export(recorded).stdout) == ["refused"]


def test_a_selection_is_provable_against_a_checkpoint(recorded: Site, tmp_path: Path) -> None:
    """As it was handed out, or as a mail program made of it."""
    export(recorded)
    note = recorded.state.ledger.sequencer.status().checkpoint or ""
    held, target = tmp_path / "held.txt", tmp_path / "out"
    held.write_bytes(b"\xef\xbb\xbf\r\n" + note.replace("\n", "\r\n").encode())
    recorded.post(answer="reject_all", notice=recorded.token())
    arguments = ["--event", "given", "--output", str(target)]
    export(recorded, *arguments)
    assert verdict(recorded, target, {"held": note.encode()}).verdict is Verdict.NOT_CHECKED
    export(recorded, *arguments, "--checkpoint", held)
    assert verdict(recorded, target, {"held": note.encode()}).anchored


def test_a_checkpoint_that_is_none_is_explained(recorded: Site, tmp_path: Path) -> None:
    """Something else, of another log, of a longer log, of a log that went another way."""
    export(recorded)
    note = recorded.state.ledger.sequencer.status().checkpoint or ""
    origin, size, root, *rest = note.split("\n")
    held = tmp_path / "held"
    for lines, said in (
        (["hello"], "is no checkpoint"),
        (["other", size, root, *rest], "is a checkpoint of other, not of example"),
        ([origin, "99", root, *rest], "is of 99 entries"),
    ):
        held.write_text("\n".join(lines), encoding="utf-8")
        assert said in export(recorded, "--checkpoint", held, code=1).stderr
    held.write_text("\n".join([origin, size, "A" * 43 + "=", *rest]), encoding="utf-8")
    assert "will verify as DIVERGED" in export(recorded, "--checkpoint", held).stderr


def test_what_broke_off_is_gone_on_with(recorded: Site, tmp_path: Path) -> None:
    """And is the same in the end; a part that is none is begun anew, and both are said."""
    target, part = tmp_path / "out", tmp_path / "out.part"
    export(recorded, "--output", target)
    whole = target.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    said = export(recorded, "--output", target, "--resume").stderr
    assert f"Going on with {part} at entry" in said
    assert target.read_bytes() == whole
    part.write_bytes(b"nothing")
    said = export(recorded, "--output", target, "--resume").stderr
    assert f"{part} cannot be continued: it is not the beginning of an export. Starting over.\n" in said
    assert target.read_bytes() == whole
    said = export(recorded, "--output", target, "--resume").stderr
    assert f"There is nothing in {part} to go on with: starting.\n" in said
    part.write_bytes(whole[:-1])
    export(recorded, "--output", target)
    assert not part.exists()


def test_erased_records_are_not_gone_on_with(recorded: Site, tmp_path: Path) -> None:
    """A part from before an erasure is written anew, without them."""
    target, part = tmp_path / "out", tmp_path / "out.part"
    export(recorded, "--output", target)
    part.write_bytes(target.read_bytes()[:-1])
    [subject] = {one.subject for one in recorded.records if one.subject}
    recorded.state.ledger.eraser.erase_subject(subject, now=recorded.clock())
    assert "erased or purged since" in export(recorded, "--output", target, "--resume").stderr
    assert subject.hex() not in target.read_text(encoding="utf-8")
    assert verdict(recorded, target).verdict is Verdict.VALID


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site with 6,000 records, for processes of their own."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    (folder / "consent.toml").write_text(SMALL, encoding="utf-8")
    (folder / "instance").mkdir()
    key = folder / "instance" / "consent-signing-example.key"
    key.write_text(KEY.encode(), encoding="ascii")
    key.chmod(0o600)
    database = Database(f"sqlite:///{folder / 'instance' / 'consent.sqlite3'}", timeout=20)
    database.upgrade()
    store = Store(database, SITE)
    for begin in range(0, 6000, 2000):
        store.append_many([entry(begin + number) for number in range(2000)], now=NOW)
    Sequencer(database, SITE, lambda: [KEY]).seal_all(NOW)
    database.close()
    return folder


def command(*arguments: str) -> list[str]:
    """``flask consent export`` in a process of its own."""
    return [*FLASK, "consent", "export", *arguments]


def checked(path: Path) -> None:
    """The file is the whole export."""
    said = verify(Source.at(path), [KEY.public])
    assert (said.verdict, said.counts and said.counts.records) == (Verdict.VALID, 6000)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_ends_leaves_what_can_be_gone_on_with(filled: Path, how: signal.Signals, tmp_path: Path) -> None:
    """Killed, or stopped by somebody at the keyboard, who is told how."""
    target, part = tmp_path / "out", tmp_path / "out.part"
    process = subprocess.Popen(command("--output", str(target)), cwd=filled, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 1_000_000) and time.monotonic() < end:
        assert process.poll() is None, "it was done before it could be stopped"
    process.send_signal(how)
    said = process.communicate(timeout=60)[1]
    assert not target.exists()
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert f"Stopped. What is there stays in {part}" in said
        assert "--resume" in said
    assert "Traceback" not in said
    done = subprocess.run(
        command("--output", str(target), "--resume"), cwd=filled, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"Going on with {part} at entry" in done.stderr
    checked(target)


@pytest.mark.slow
def test_a_full_disk_is_explained(filled: Path, tmp_path: Path) -> None:
    """With what there is kept for the next attempt; what was there before stays."""
    target = tmp_path / "out"
    target.write_text("before", encoding="utf-8")
    limit = 2_000_000
    done = subprocess.run(
        command("--output", str(target)),
        cwd=filled,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert "out.part cannot be written: File too large. Make room, or name another file." in done.stderr
    assert "go on with --resume, or delete it" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out.part").stat().st_size == limit
    assert target.read_text(encoding="utf-8") == "before"
    subprocess.run(command("--output", str(target), "--resume", "--quiet"), cwd=filled, timeout=60, check=True)
    checked(target)


@pytest.mark.slow
def test_formats_that_are_begun_anew_leave_nothing(filled: Path, tmp_path: Path) -> None:
    """Half a table is of no use."""
    done = subprocess.run(
        command("--format", "csv", "--output", str(tmp_path / "out")),
        cwd=filled,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ndjson", "csv", "dpv", "kantara"])
def test_a_broken_pipe_is_silent(filled: Path, form: str) -> None:
    """Whoever reads has seen enough."""
    process = subprocess.Popen(command("--format", form), cwd=filled, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(timeout=60)


@pytest.mark.slow
def test_a_device_that_is_full_is_explained(filled: Path) -> None:
    """Whether it is standard output or was named."""
    full = "/dev/full"
    for arguments, out in (([], full), (["--output", full], os.devnull)):
        with Path(out).open("wb") as file:
            done = subprocess.run(
                command(*arguments), cwd=filled, stdout=file, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )
        assert done.returncode == 1
        where = full if arguments else "standard output"
        assert done.stderr == f"Error: {where} cannot be written: No space left on device\n"


@pytest.mark.slow
def test_a_bar_is_shown_at_a_terminal(filled: Path, tmp_path: Path) -> None:
    """On standard error alone, and not where somebody wants to hear nothing."""
    for arguments, is_shown in (
        (["--output", str(tmp_path / "out")], True),
        (["--quiet", "--output", str(tmp_path / "out")], False),
    ):
        ours, theirs = pty.openpty()
        done = subprocess.run(
            command(*arguments), cwd=filled, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True
        )
        os.close(theirs)
        said = _read(ours)
        assert done.stdout == b""
        assert ("Exporting" in said) is is_shown
        assert ("100%" in said) is is_shown
    checked(tmp_path / "out")


def _read(terminal: int) -> str:
    """What was written to a terminal that nobody has open any more."""
    said = b""
    try:
        while piece := os.read(terminal, 65536):
            said += piece
    except OSError:
        pass  # its end, as Linux says it
    os.close(terminal)
    return said.decode()


def test_the_help_names_every_format(build: Callable[..., Site]) -> None:
    """And what each is for."""
    said = build().app.test_cli_runner().invoke(consent_commands, ["export", "--help"]).output
    assert "[ndjson|csv|dpv|kantara]" in said
    assert "ISO/IEC TS 27560" in re.sub(r"\s+", " ", said)
