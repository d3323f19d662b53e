"""``flask consent anchor``: the checkpoint outside, by a file, a command, and a real mail server."""

from __future__ import annotations

import email
import email.policy
import logging
import os
import re
import socket
import ssl
import stat
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from click.testing import Result
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from consent import ConfigError, StoreError
from consent.ledger import Database
from consent.proof import checkpoint
from consent.proof.merkle import EMPTY_ROOT
from consent.proof.note import SigningKey
from flask_consentry import Consentry, anchoring, mail
from flask_consentry.anchoring import AnchorError
from flask_consentry.cli import consent_commands
from flask_consentry.mail import Server
from tests.e2e import certificate

from .conftest import Site

#: A server that takes passwords in the clear is one of the things to try.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

RECIPIENT = "canary-dpo@example.org"
PASSWORD = "canary/pass@word:1"
KEY = SigningKey.generate("example", bytes(range(32)))


def invoke(site: Site, *arguments: str) -> Result:
    return site.app.test_cli_runner().invoke(consent_commands, ["anchor", *arguments])


def anchored(site: Site, *arguments: str) -> str:
    result = invoke(site, *arguments)
    assert result.exit_code == 0, result.output
    return str(result.output)


def failed(site: Site, *arguments: str, code: int = 1) -> str:
    result = invoke(site, *arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return str(result.output)


def run(site: Site, *arguments: str) -> str:
    result = site.app.test_cli_runner().invoke(consent_commands, arguments)
    assert result.exit_code == 0, result.output
    return str(result.output)


def note_of(site: Site) -> str:
    note = site.state.ledger.sequencer.status().checkpoint
    assert note is not None
    return note


def where(site: Site) -> list[tuple[int, str]]:
    """Which checkpoints are noted as outside, and where."""
    from consent.ledger import tables

    columns = tables.checkpoint.c
    with site.state.ledger.database.read() as connection:
        rows = connection.execute(tables.checkpoint.select().order_by(columns.size)).mappings()
        return [(row["size"], row["anchored_to"]) for row in rows if row["anchored_at"] is not None]


@pytest.fixture
def make(build: Callable[..., Site]) -> Callable[..., Site]:
    """Makes sites with one answer, signed."""

    def made(**config: object) -> Site:
        site = build(**config)
        assert site.app.test_cli_runner().invoke(consent_commands, ["keys", "new"]).exit_code == 0
        site.accept()
        run(site, "seal")
        return site

    return made


@pytest.fixture
def signed(make: Callable[..., Site]) -> Site:
    return make()


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_file_grows(signed: Site, tmp_path: Path) -> None:
    """One checkpoint after the other, an empty line between; the same one is not written twice."""
    target = tmp_path / "checkpoints.txt"
    first = note_of(signed)
    assert f"The checkpoint of 4 entries was handed out: file {target}." in anchored(signed, "file", str(target))
    anchored(signed, "file", str(target))
    assert target.read_text() == first + "\n"
    signed.accept()
    run(signed, "seal")
    anchored(signed, "file", str(target))
    assert target.read_text() == f"{first}\n{note_of(signed)}\n"
    assert where(signed) == [(4, f"file {target}"), (5, f"file {target}")]


def test_a_folder_fills(signed: Site, tmp_path: Path) -> None:
    """A file a checkpoint, which consentry verify takes; names sort by size."""
    anchored(signed, "file", str(tmp_path))
    anchored(signed, "file", str(tmp_path))
    signed.accept()
    run(signed, "seal")
    anchored(signed, "file", str(tmp_path))
    files = sorted(path for path in tmp_path.iterdir() if path.suffix == ".note")
    assert [path.name for path in files] == ["example-000000000004.note", "example-000000000005.note"]
    keys = [key.public for key in signed.state.ledger.keys.read()]
    assert [checkpoint.read(path.read_bytes(), keys).size for path in files] == [4, 5]
    assert stat.S_IMODE(files[0].stat().st_mode) & 0o400


def test_a_folder_with_another_checkpoint_of_that_size(signed: Site, tmp_path: Path) -> None:
    """It is not overwritten: this is what an anchor is for."""
    other = checkpoint.sign(checkpoint.Checkpoint("example", 4, bytes(32)), [KEY])
    (tmp_path / "example-000000000004.note").write_text(other)
    assert "one of the two logs is not the log" in failed(signed, "file", str(tmp_path))
    assert (tmp_path / "example-000000000004.note").read_text() == other
    assert where(signed) == []


def test_a_folder_after_a_rotation(signed: Site, tmp_path: Path) -> None:
    """The checkpoint with both signatures stands beside the one with one: auditors need it."""
    anchored(signed, "file", str(tmp_path))
    run(signed, "keys", "rotate")
    run(signed, "seal")
    for _ in range(2):
        anchored(signed, "file", str(tmp_path))
    keys = [key.public for key in signed.state.ledger.keys.read()]
    plain, both = sorted(path for path in tmp_path.iterdir() if path.suffix == ".note")[::-1]
    assert both.name == f"example-000000000004.{keys[0].id}-{keys[1].id}.note"
    assert [note.read_text().count("\n— ") for note in (plain, both)] == [1, 2]
    assert checkpoint.read(both.read_text(), keys[1:]).size == 4


def test_a_name_that_is_no_file_name(tmp_path: Path) -> None:
    """A log may be called like a URL; its file stays in the folder."""
    key = SigningKey.generate("../../etc/x", bytes(32))
    note = checkpoint.sign(checkpoint.Checkpoint(key.name, 7, bytes(32)), [key])
    assert anchoring.to_file(tmp_path, note) == f"file {tmp_path}/.._.._etc_x-000000000007.note"


@pytest.mark.parametrize("place", ["no/such/folder/x", "/dev/null/x", "/proc/x/y"])
def test_a_place_that_cannot_be_written(signed: Site, place: str) -> None:
    """Nothing counts as handed out."""
    assert "cannot be written" in failed(signed, "file", place)
    assert where(signed) == []


def test_a_pipe_is_no_file(signed: Site, tmp_path: Path) -> None:
    """It holds nobody up, and the message names the other command."""
    os.mkfifo(tmp_path / "pipe")
    assert "flask consent anchor command" in failed(signed, "file", str(tmp_path / "pipe"))


def test_a_file_that_ends_in_the_middle_of_a_line(tmp_path: Path) -> None:
    """The checkpoint begins on a line of its own."""
    note = checkpoint.sign(checkpoint.Checkpoint("example", 0, EMPTY_ROOT), [KEY])
    target = tmp_path / "x"
    target.write_text("notes of ours")
    anchoring.to_file(target, note)
    assert target.read_text() == f"notes of ours\n{note}\n"


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_command(signed: Site, tmp_path: Path) -> None:
    """It reads the checkpoint; of the command only the name is noted."""
    target = tmp_path / "out"
    program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    anchored(signed, "command", "--", sys.executable, "-c", program, str(target))
    assert target.read_text() == note_of(signed)
    assert where(signed) == [(4, f"command {Path(sys.executable).name}")]


def test_a_command_has_no_shell_and_no_secrets(signed: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments are arguments; what signs and what logs in stays here."""
    for name in ("FLASK_SECRET_KEY", "CONSENT_SMTP_URL", "DATABASE_DSN", "STRIPE", "AWS_SESSION_TOKEN", "PATHS"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("LC_NUMERIC", "kept")
    target = tmp_path / "out"
    program = "import sys, os; open(sys.argv[1], 'w').write(repr((sys.argv[2:], dict(os.environ))))"
    anchored(signed, "command", "--", sys.executable, "-c", program, str(target), "$(id)", "; id", "--timeout")
    said = target.read_text()
    assert "['$(id)', '; id', '--timeout']" in said
    assert "canary" not in said
    assert f"'PATH': {os.environ['PATH']!r}" in said
    assert "'LC_NUMERIC': 'kept'" in said


def test_a_command_is_given_what_the_operator_names(
    signed: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name or by how names begin; a name that is not there is an error, and nothing counts as handed out."""
    for name in ("UPLOAD_USER", "UPLOAD_TOKEN", "BUCKET", "BUCKETS"):
        monkeypatch.setenv(name, f"its {name}")
    target = tmp_path / "out"
    program = "import sys, os; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    command = ("--", sys.executable, "-c", program, str(target))
    said = failed(signed, "command", "--pass-env", "BUCKET", "--pass-env", "NOTHING", *command)
    assert "no variable NOTHING" in said
    assert "the name of a variable is missing" in failed(signed, "command", "--pass-env", "", *command)
    assert "its BUCKET" not in said
    assert not target.exists()
    assert where(signed) == []
    anchored(signed, "command", "--pass-env", "BUCKET", "--pass-env", "UPLOAD_*", *command)
    assert set(re.findall(r"'its (\w+)'", target.read_text())) == {"UPLOAD_USER", "UPLOAD_TOKEN", "BUCKET"}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit(3)", "ended with 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
    ],
)
def test_a_command_that_fails(signed: Site, program: str, said: str) -> None:
    """Nothing counts as handed out."""
    assert said in failed(signed, "command", "--", sys.executable, "-c", program)
    assert where(signed) == []


def test_a_command_that_is_not_there(signed: Site) -> None:
    """No traceback."""
    assert "cannot be started" in failed(signed, "command", "--", "/no/such/program")
    assert "Missing argument" in failed(signed, "command", code=2)


def test_a_command_that_does_not_read(signed: Site) -> None:
    """It ended with 0; whether it kept anything is its own affair."""
    anchored(signed, "command", "--", sys.executable, "-c", "import os; os.close(0)")


def test_a_command_that_does_not_end(signed: Site, tmp_path: Path) -> None:
    """It is ended in time, with all that it started."""
    target = tmp_path / "child"
    program = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(target)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    said = failed(signed, "command", "--timeout", "2", "--", sys.executable, "-c", program)
    assert "took longer than 2 seconds and was ended" in said
    assert where(signed) == []
    deadline = time.monotonic() + 10
    while _runs(int(target.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


# --- e-mail ---------------------------------------------------------------------------------------------------------


class Inbox:
    """What a mail server does with a message: keeps it, or refuses it as it is told."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.logins: list[tuple[str, str]] = []
        self.refuses: str | None = None

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: Any) -> str:  # noqa: N802
        if self.refuses:
            return f"{self.refuses} <{address}> canary-of-the-server"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        content = cast("bytes", envelope.content)
        self.messages.append(email.message_from_bytes(content, policy=email.policy.default))
        self.envelopes.append(envelope)
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def log_in(self, _: Any, __: Any, ___: Any, ____: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1."""
    return certificate.write(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def servers(pem: Path) -> Iterator[Callable[..., tuple[Inbox, int]]]:
    """Starts mail servers: plain, with STARTTLS or encrypted from the start, with or without log-in."""
    started: list[Controller] = []

    def start(kind: str = "plain", *, auth: bool = False) -> tuple[Inbox, int]:
        inbox, options = Inbox(), dict[str, Any]()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        if auth:
            options |= {"authenticator": inbox.log_in, "auth_required": True, "auth_require_tls": kind == "starttls"}
        if kind == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        made = Controller(
            inbox, hostname="127.0.0.1", port=port, ssl_context=context if kind == "tls" else None, **options
        )
        made.start()
        started.append(made)
        return inbox, port

    yield start
    for one in started:
        one.stop(no_assert=True)


@pytest.fixture
def trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process trusts the servers' certificate, as if an authority had signed it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))


def test_an_email(make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]]) -> None:
    """Short, in plain text, says what to do; the attached file is the checkpoint, byte for byte."""
    inbox, port = servers()
    site = make(CONSENT_SMTP_URL=f"smtp://127.0.0.1:{port}")
    said = anchored(site, "email", RECIPIENT)
    assert said.startswith("The checkpoint of 4 entries was handed out: e-mail through 127.0.0.1.")
    assert RECIPIENT not in said
    (message,), (envelope,) = inbox.messages, inbox.envelopes
    assert envelope.rcpt_tos == [RECIPIENT]
    assert envelope.mail_from == "privacy@example.org"
    assert (message["To"], message["From"]) == (RECIPIENT, "privacy@example.org")
    assert message["Subject"] == "Checkpoint of the consent log of example: 4 entries"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert message["Message-ID"].endswith("@example.org>")
    text = message.get_body(("plain",))
    assert text is not None
    words = text.get_content().replace("\r\n", "\n")
    assert note_of(site) in words
    (key,) = site.state.ledger.keys.read()
    assert key.public.encode() in words
    assert "consentry verify EXPORT --key PUBLIC-KEY --checkpoint THIS-FILE" in words
    assert len(words) < 2000
    assert "PRIVATE" not in str(message)
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "example-000000000004.note"
    assert attached.get_content() == note_of(site).encode()
    assert where(site) == [(4, "e-mail through 127.0.0.1")]


def test_an_email_is_encrypted_where_that_is_offered(
    make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]], trusted: None
) -> None:
    """By STARTTLS or from the start; user and password are those of the URL, special characters and all."""
    for kind, scheme in (("starttls", "smtp"), ("tls", "smtps")):
        inbox, port = servers(kind, auth=kind == "starttls")
        login = "user%40example.org:canary%2Fpass%40word%3A1@" if kind == "starttls" else ""
        site = make(CONSENT_SMTP_URL=f"{scheme}://{login}127.0.0.1:{port}?from=log%2Bx@example.net")
        anchored(site, "email", RECIPIENT)
        assert inbox.encrypted == [True]
        assert inbox.messages[0]["From"] == "log+x@example.net"
        if login:
            assert inbox.logins == [("user@example.org", PASSWORD)]


@pytest.mark.parametrize(("kind", "scheme"), [("starttls", "smtp"), ("tls", "smtps")])
def test_a_certificate_that_nobody_vouches_for(
    make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]], kind: str, scheme: str
) -> None:
    """Nothing is sent to whoever stands in between."""
    inbox, port = servers(kind)
    site = make(CONSENT_SMTP_URL=f"{scheme}://127.0.0.1:{port}")
    assert "its certificate is not valid" in failed(site, "email", RECIPIENT)
    assert inbox.messages == []
    assert where(site) == []


def test_a_password_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """To another machine only over an encrypted connection."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        import threading

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 mail\r\n")
                for line in lines:
                    heard.append(line)
                    connection.sendall(
                        b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n" if line.startswith(b"ehlo") else b"250 OK\r\n"
                    )

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port, real = listener.getsockname()[1], socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda _, *a, **kw: real(("127.0.0.1", port), *a, **kw))
        server = Server.parse(f"smtp://user:{'canary'}@mail.example.org:{port}")
        with pytest.raises(AnchorError, match=re.escape("mail.example.org offers no encryption")):
            mail.send(server, _message())
        thread.join(5)
    assert heard
    assert not any(b"AUTH" in line or b"canary" in line for line in heard)


def _message() -> EmailMessage:
    note = checkpoint.sign(checkpoint.Checkpoint("example", 0, EMPTY_ROOT), [KEY])
    from datetime import UTC, datetime

    return mail.compose(note, [], sender="a@example.org", recipient=RECIPIENT, now=datetime(2026, 3, 3, tzinfo=UTC))


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "450 4.2.1 later", "421 4.3.0 closing"])
def test_a_recipient_that_is_refused(
    make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]], answer: str
) -> None:
    """The number of the answer is told, its words are not: they may hold the address."""
    inbox, port = servers()
    inbox.refuses = answer
    site = make(CONSENT_SMTP_URL=f"smtp://127.0.0.1:{port}")
    said = failed(site, "email", RECIPIENT)
    assert "could not be sent through 127.0.0.1" in said
    assert answer[:3] in said or "ended the connection" in said
    assert "canary" not in said
    assert where(site) == []


def test_a_wrong_password(make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]]) -> None:
    """Is not repeated."""
    _, port = servers("plain", auth=True)
    site = make(CONSENT_SMTP_URL=f"smtp://user:canary-wrong@127.0.0.1:{port}")
    said = failed(site, "email", RECIPIENT)
    assert "refused user and password (535)" in said
    assert "canary" not in said


def test_a_server_that_is_not_there(make: Callable[..., Site]) -> None:
    """One line."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = make(CONSENT_SMTP_URL=f"smtp://u:canary@127.0.0.1:{port}")
    said = failed(site, "email", RECIPIENT)
    assert "nothing answers there" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "address",
    [
        "canary",
        "canary@example.org, second@example.org",
        "canary@example.org\nBcc: second@example.org",
        "canary@example.org\r\nSubject: x",
        "Canary <canary@example.org>",
        "canary@exa mple.org",
        "canary@example.org\x00",
        "cänary@example.org",
        "canary@",
        "@example.org",
        "a" * 70 + "@example.org",
        "canary@" + "a." * 150 + "org",
    ],
)
def test_an_address_that_is_none(
    make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]], address: str
) -> None:
    """One recipient and no second header; the message does not repeat it."""
    inbox, port = servers()
    site = make(CONSENT_SMTP_URL=f"smtp://127.0.0.1:{port}")
    said = failed(site, "email", address)
    assert "is no e-mail address" in said
    assert "canary" not in said
    assert inbox.messages == []


@given(st.text())
def test_no_address_adds_a_header(address: str) -> None:
    """Whatever is given, there is one recipient or no message."""
    note = checkpoint.sign(checkpoint.Checkpoint("example", 0, EMPTY_ROOT), [KEY])
    from datetime import UTC, datetime

    for recipient in (address, f"a{address}@example.org", f"a@example.org{address}"):
        try:
            made = mail.compose(
                note, [], sender="b@example.org", recipient=recipient, now=datetime(2026, 3, 3, tzinfo=UTC)
            )
        except AnchorError:
            continue
        read: Message = email.message_from_bytes(bytes(made))
        assert sorted(read.keys()) == sorted(_message().keys())
        assert read.get_all("To") == [recipient]


def test_a_site_without_an_address_of_its_own(
    build: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]]
) -> None:
    """The policy or the setting has to name whom the mail is from."""
    from tests.policies import SMALL

    _, port = servers()
    site = build(SMALL.replace('email = "privacy@example.org"', ""), CONSENT_SMTP_URL=f"smtp://127.0.0.1:{port}")
    run(site, "seal")
    assert "[controller] email" in failed(site, "email", RECIPIENT)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, False)),
        ("smtp://u:p@mail.example.org", ("mail.example.org", 587, False)),
        ("smtps://u:p@mail.example.org", ("mail.example.org", 465, True)),
        ("smtp://[::1]:2525/", ("::1", 2525, False)),
    ],
)
def test_the_url_of_a_server(url: str, server: tuple[str, int, bool]) -> None:
    """Ports are those that servers use for it."""
    found = Server.parse(url)
    assert (found.host, found.port, found.encrypted) == server
    assert "u" not in repr(found).split("user")[1:] or "p" not in repr(found)


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp://canary@host:port", "smtp://x/path", "smtp://x:99999"])
def test_a_url_of_no_server(url: str) -> None:
    """The message does not repeat it."""
    with pytest.raises(ConfigError) as caught:
        Server.parse(url)
    assert "CONSENT_SMTP_URL" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_password_is_in_no_repr() -> None:
    """Of the parsed server."""
    assert "canary" not in repr(Server.parse("smtp://canary:canary@host?from=canary@example.org"))


# --- what all of them share -----------------------------------------------------------------------------------------


def test_nothing_to_hand_out(site: Site, tmp_path: Path) -> None:
    """The remedy; no database is made by asking."""
    assert "Run: flask consent seal" in failed(site, "file", str(tmp_path))
    assert not site.state.ledger.database.path.exists()


def test_no_mail_server(signed: Site) -> None:
    """The setting is named."""
    assert "CONSENT_SMTP_URL" in failed(signed, "email", RECIPIENT)


def test_what_came_in_later_is_said(signed: Site, tmp_path: Path) -> None:
    """A checkpoint covers what it covers."""
    signed.accept()
    assert "does not cover 1 that came in later" in anchored(signed, "file", str(tmp_path))


def test_an_anchor_that_could_not_be_noted(signed: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was handed out all the same, and that is said."""

    def fails(*_: object, **__: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(type(signed.state.ledger.sequencer), "mark_anchored", fails)
    said = failed(signed, "file", str(tmp_path))
    assert "was handed out" in said
    assert "could not be noted: away" in said
    assert len(list(tmp_path.glob("*.note"))) == 1


def test_an_anchor_is_kept(make: Callable[..., Site], tmp_path: Path) -> None:
    """Later checkpoints take the place of others, not of those that somebody holds; the status tells."""
    site = make()
    anchored(site, "file", str(tmp_path))
    for _ in range(3):
        site.accept()
        run(site, "seal")
    assert where(site) == [(4, f"file {tmp_path}/example-000000000004.note")]
    assert re.search(r"anchored     \d+ seconds? ago, of 4 entries", run(site, "status"))


def test_a_log_that_grows_while_it_is_handed_out(signed: Site, tmp_path: Path) -> None:
    """The anchor is not lost with the checkpoint that another process puts in its place."""
    sequencer, clock = signed.state.ledger.sequencer, signed.clock

    def hand(note: str) -> str:
        signed.accept()
        sequencer.seal(clock() + timedelta(seconds=1))
        return "elsewhere"

    from flask_consentry.cli.anchor import _hand_out

    _hand_out(signed.state, hand)
    assert where(signed) == [(4, "elsewhere")]


def test_on_postgresql(tmp_path: Path, postgres: Any) -> None:
    """The same, on the other engine."""
    from tests.databases import database

    with database(postgres.url) as url:
        database_ = Database(url)
        database_.upgrade()
        database_.close()
        (tmp_path / "consent.toml").write_text('site = "example"\n')
        app = Flask("x", root_path=str(tmp_path), instance_path=str(tmp_path / "instance"))
        app.config.update(SECRET_KEY="x", CONSENT_STORE_URL=url, CONSENT_BACKGROUND=False)
        Consentry(app)
        runner = app.test_cli_runner()
        said = ""
        for arguments in (["keys", "new"], ["seal"], ["anchor", "file", str(tmp_path)], ["status"]):
            result = runner.invoke(consent_commands, arguments)
            assert result.exit_code == 0, result.output
            said = result.output
        assert "of 1 entry" in said
        assert app.extensions["consentry"].ledger.sequencer.status().anchored_size == 1
        app.extensions["consentry"].ledger.close()


def test_no_log_holds_an_address_or_a_password(
    make: Callable[..., Site], servers: Callable[..., tuple[Inbox, int]], caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, whether the mail went or not; nor does the database."""
    caplog.set_level(logging.DEBUG)
    inbox, port = servers("plain", auth=True)
    site = make(CONSENT_SMTP_URL=f"smtp://user:canary%2Fpass%40word%3A1@127.0.0.1:{port}")
    said = anchored(site, "email", RECIPIENT)
    inbox.refuses = "550 no"
    site.accept()
    run(site, "seal")
    said += failed(site, "email", RECIPIENT)
    assert len(inbox.messages) == 1, "control"
    site.state.ledger.close()
    kept = site.state.ledger.database.path.read_bytes()
    logged = "\n".join(one.getMessage() for one in caplog.records if one.name != "mail.log")  # the server's own
    assert logged, "control"
    for canary in (RECIPIENT, PASSWORD, "canary"):
        assert canary not in logged
        assert canary not in said
        assert canary.encode() not in kept
