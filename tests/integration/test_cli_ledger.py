"""``flask consent``: the operator's side of the ledger, on both engines."""

from __future__ import annotations

import json
import logging
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.cli import ScriptInfo
from hypothesis import given
from hypothesis import strategies as st

from consent import Lifetime, claim
from consent.ledger import Database
from consent.ledger.keys import read_keys
from consent.proof import checkpoint
from consent.proof.note import VerifyingKey
from flask_consentry import Consentry, publishing, signals
from flask_consentry.cli import consent_commands, running
from flask_consentry.cli.purge import last_day
from tests.entries import entry
from tests.policies import SMALL

from .conftest import Site

RETENTION = SMALL.replace("[purposes.preferences]", '[record]\nretention = "36 months"\n[purposes.preferences]')


def invoke(site: Site, *arguments: str, given: str | None = None) -> Result:
    """A command, as from a shell without a terminal."""
    return site.app.test_cli_runner().invoke(consent_commands, arguments, input=given)


def run(site: Site, *arguments: str) -> str:
    """What a command printed, which went well."""
    result = invoke(site, *arguments)
    assert result.exit_code == 0, result.output
    return str(result.output)


def failed(site: Site, *arguments: str, code: int = 1, given: str | None = None) -> str:
    """What a command printed, which did not."""
    result = invoke(site, *arguments, given=given)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), "a traceback"
    return str(result.output)


@pytest.fixture
def made(build: Callable[..., Site], database_url: str) -> Callable[..., Site]:
    """Makes sites on a fresh database with its tables, on each engine."""
    database = Database(database_url)
    if database.is_postgresql:
        database.upgrade()
    database.close()

    def make(text: str = SMALL, **config: object) -> Site:
        return build(text, CONSENT_STORE_URL=database_url, **config)

    return make


@pytest.fixture
def keyed(made: Callable[..., Site]) -> Site:
    """A site with a key."""
    site = made(RETENTION)
    run(site, "keys", "new")
    return site


def answered(site: Site, answer: str = "accept_all") -> bytes | None:
    """The subject of a new visitor who answers."""
    site.client.delete_cookie("consent_example")
    site.post(answer=answer, notice=site.token("/consent/preferences"))
    return site.records[-1].subject


def checkpoint_of(site: Site) -> checkpoint.Checkpoint:
    """The newest one, as an auditor reads it."""
    note = site.state.ledger.sequencer.status().checkpoint
    assert note is not None
    keys = [VerifyingKey.parse(line) for line in run(site, "keys", "list", "--public").splitlines()]
    return checkpoint.read(note, keys)


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_new_key(made: Callable[..., Site]) -> None:
    """The file is private; what is printed is the public key and where the private one is."""
    site = made()
    said = run(site, "keys", "new")
    path = site.state.ledger.keys.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = read_keys(path)
    assert said.endswith(f"\n{key.public.encode()}\n")
    assert str(path) in said
    assert key.name == "example"
    assert "PRIVATE" not in said
    assert "is not overwritten" in failed(site, "keys", "new")
    assert read_keys(path) == (key,)


def test_a_key_elsewhere(made: Callable[..., Site], tmp_path: Path) -> None:
    """With a name of its own; the site has to be told."""
    site = made()
    said = run(site, "keys", "new", "--name", "example.org/consent", "--output", str(tmp_path / "k"))
    assert read_keys(tmp_path / "k")[0].name == "example.org/consent"
    assert "set CONSENT_SIGNING_KEY" in said
    assert not site.state.ledger.keys.path.exists()
    assert "cannot be called that" in failed(site, "keys", "new", "--name", "two words")


def test_a_key_of_another_name_than_the_log_has(keyed: Site, tmp_path: Path) -> None:
    """Old checkpoints would be those of another log."""
    answered(keyed)
    run(keyed, "seal")
    assert "the log is called example already" in failed(
        keyed, "keys", "new", "--name", "other", "--output", str(tmp_path / "k"), code=2
    )
    said = run(keyed, "keys", "new", "--output", str(tmp_path / "k"))
    assert read_keys(tmp_path / "k")[0].name == "example"
    assert "Auditors need both public keys" in said


def test_the_list_of_keys(keyed: Site) -> None:
    """Which is newest, which signed; for a program; for an auditor."""
    answered(keyed)
    run(keyed, "seal")
    (key,) = read_keys(keyed.state.ledger.keys.path)
    assert run(keyed, "keys", "list") == f"{key.public.encode()}  signed the newest checkpoint\n"
    assert run(keyed, "keys", "list", "--public") == f"{key.public.encode()}\n"
    said = json.loads(run(keyed, "keys", "list", "--json"))
    assert said["keys"] == [{"id": key.public.id, "public": key.public.encode(), "signed_newest": True}]


def test_a_list_without_keys(made: Callable[..., Site]) -> None:
    """The remedy; nothing that looks like a key on standard output."""
    site = made()
    assert "Run: flask consent keys new" in run(site, "keys", "list")
    assert "Run: flask consent keys new" in failed(site, "keys", "list", "--public")
    assert "Run: flask consent keys new" in failed(site, "keys", "rotate")


def test_a_rotation(keyed: Site) -> None:
    """From then on both sign; when the old line is gone, the new one goes on alone."""
    answered(keyed)
    run(keyed, "seal")
    path = keyed.state.ledger.keys.path
    (old,) = read_keys(path)
    said = run(keyed, "keys", "rotate")
    _, new = read_keys(path)
    assert said.index(new.public.encode()) < said.index(old.public.encode())
    assert "PRIVATE" not in said
    answered(keyed)
    run(keyed, "seal")
    note = keyed.state.ledger.sequencer.status().checkpoint
    assert note is not None
    for key in (old, new):
        assert checkpoint.read(note, [key.public]).size == checkpoint_of(keyed).size
    path.write_text(new.encode())
    answered(keyed)
    run(keyed, "seal")
    assert checkpoint_of(keyed).origin == "example"
    assert old.public.id not in run(keyed, "keys", "list")


def test_keys_in_the_environment(keyed: Site, made: Callable[..., Site], tmp_path: Path) -> None:
    """They sign; changing them is not this command's to do, and none is shown."""
    text = keyed.state.ledger.keys.path.read_text().splitlines()[-1]
    site = made(CONSENT_SIGNING_KEY_TEXT=text)
    answered(site)
    run(site, "seal")
    assert checkpoint_of(site).size > 0
    for arguments, code in ((["keys", "rotate"], 1), (["keys", "new"], 2)):
        said = failed(site, *arguments, code=code)
        assert "CONSENT_SIGNING_KEY_TEXT" in said
        assert text[-30:] not in said


def test_a_key_that_others_can_read(keyed: Site) -> None:
    """The command to run is in the message, not a traceback and not the key."""
    path = keyed.state.ledger.keys.path
    path.chmod(0o644)
    said = failed(keyed, "keys", "list")
    assert f"chmod 600 {path}" in said
    assert "PRIVATE" not in said


# --- seal -----------------------------------------------------------------------------------------------------------


def test_a_seal(keyed: Site) -> None:
    """All that waits has its place and is signed; the policy and its words stand first."""
    for answer in ("accept_all", "reject_all", "accept_all"):
        answered(keyed, answer)
    sizes: list[int] = []

    def listener(_: Flask, *, size: int, **__: object) -> None:
        sizes.append(size)

    signals.checkpoint_signed.connect(listener, sender=keyed.app)
    said = run(keyed, "seal")
    assert said.startswith("6 entries in the log, 6 of them new.\n\nexample\n6\n")
    assert checkpoint_of(keyed).size == 6
    kinds = [json.loads(line)["kind"] for line in _publics(keyed)]
    assert kinds == ["edition", "notice", "notice", "record", "record", "record"]
    again = json.loads(run(keyed, "seal", "--json"))
    assert (again["added"], again["size"], again["signed"]) == (0, 6, True)
    assert sizes == [6], "what is signed already is not signed again"


def _publics(site: Site) -> Iterator[bytes]:
    from consent.ledger import snapshot

    with snapshot(site.state.ledger.database, "example") as found:
        yield from [entry.public for entry in found.entries()]


def test_a_seal_brings_what_waits_in_the_spool(keyed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is signed."""
    store = type(keyed.state.ledger.store)
    down = monkeypatch.context
    with down() as patched:
        patched.setattr(store, "append_many", _away)
        site_answers = keyed.post(answer="accept_all", notice=keyed.token())
        assert site_answers.status_code == 200
    assert keyed.state.ledger.spool.status().rows == 1
    assert json.loads(run(keyed, "seal", "--json"))["shipped"] == 1
    assert len(keyed.records) == 1


def test_a_seal_erases_what_came_in_late(keyed: Site) -> None:
    """An answer of an erased visitor that waited in a spool is recorded and goes, and the log that says so is signed."""
    subject = answered(keyed)
    assert subject is not None
    run(keyed, "erase", "--subject", subject.hex(), "--yes")
    for number in range(2):
        keyed.state.ledger.spool.put(entry(number, subject=subject, at=keyed.clock()))
        assert "1 record of erased visitors had come in late" in run(keyed, "seal")
    assert keyed.state.ledger.store.records_of(subject) == []
    found = json.loads(run(keyed, "seal", "--json"))
    assert (found["shipped"], found["erased"], found["signed"]) == (0, 0, True)
    assert [json.loads(line)["kind"] for line in _publics(keyed)].count("erasure") == 3
    run(keyed, "status")


def test_a_seal_tries_once_more_what_was_set_aside(keyed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once each time: what the store still will not have is set aside again; another site's is left alone."""
    spool = keyed.state.ledger.spool
    for one in (entry(1, at=keyed.clock()), entry(2, at=keyed.clock(), site="another")):
        spool.put(one)
        spool.set_aside(one.record, "Test")
    told = failed(keyed, "status", code=1)
    assert "would not have 2 answers, set aside in the spool. To try once more, run: flask consent seal" in told
    with monkeypatch.context() as patched:
        patched.setattr(type(keyed.state.ledger.store), "append_many", _will_not)
        assert f"still would not have 2 answers: set aside in {spool.path}" in run(keyed, "seal")
    found = json.loads(run(keyed, "seal", "--json"))
    assert (found["shipped"], found["set_aside"]) == (1, 1)
    assert len(keyed.records) == 1
    assert "would not have 1 answer, set aside" in failed(keyed, "status", code=1)


def _will_not(*_: object, **__: object) -> None:
    raise ValueError


def test_a_seal_without_a_spool_leaves_no_file(keyed: Site) -> None:
    """Nor does an export: there is nothing to take to the store."""
    answered(keyed)
    run(keyed, "seal")
    run(keyed, "export", "--output", str(keyed.state.ledger.keys.path.with_name("out")))
    assert list(keyed.state.settings.spool.parent.glob(keyed.state.settings.spool.name + "*")) == []


def _away(*_: object, **__: object) -> None:
    from consent import StoreError

    raise StoreError("away")


def test_a_seal_without_a_key(made: Callable[..., Site]) -> None:
    """SQLite makes its key with the first seal; several hosts would each make one, so that PostgreSQL does not."""
    site = made()
    answered(site)
    if site.state.ledger.database.is_postgresql:
        assert "Run: flask consent keys new" in failed(site, "seal")
        assert not site.state.ledger.keys.path.exists()
    else:
        run(site, "seal")
        assert checkpoint_of(site).size == 4


def test_a_lost_key_is_not_replaced(keyed: Site) -> None:
    """A log that was signed waits for its key."""
    answered(keyed)
    run(keyed, "seal")
    keyed.state.ledger.keys.path.unlink()
    answered(keyed)
    assert "there is no key" in failed(keyed, "seal")
    assert not keyed.state.ledger.keys.path.exists()


# --- publishing -----------------------------------------------------------------------------------------------------


def test_a_policy_is_published_once(made: Callable[..., Site]) -> None:
    """A restart says nothing new, a change does, and so does the way back."""
    first, other = SMALL, SMALL.replace('name = "Maps"', 'name = "Our maps"')
    sites = [made(text) for text in (first, first, other, first)]
    new = [publishing.publish(site.app, now=site.clock() + timedelta(hours=n)) for n, site in enumerate(sites)]
    assert new == [True, False, True, True]
    store = sites[0].state.ledger.store
    bodies = [json.loads(body) for _, body in store.editions()]
    assert [[s["name"] for s in body["services"]][-2] for body in bodies] == ["Maps", "Our maps", "Maps"]
    assert len(list(store.notices())) == 4, "two policies in two languages"


def test_words_are_those_of_nobody(build: Callable[..., Site]) -> None:
    """What the site adds to every template sees a request without a visitor; a failure there is no failure here."""
    seen: list[object] = []

    def prepare(app: Flask) -> None:
        @app.context_processor
        def add() -> dict[str, object]:
            from flask import request, session

            seen.append((request.path, dict(session)))
            return {}

    site = build(prepare=prepare)
    assert publishing.publish(site.app, now=site.clock())
    assert seen == [("/", {})] * len(seen)
    assert seen
    kept = {notice["language"]: notice for notice in site.state.ledger.store.notices()}
    assert "Besuche zählen" in kept["de"]["html"]


def test_templates_that_need_somebody(build: Callable[..., Site], caplog: pytest.LogCaptureFixture) -> None:
    """The edition is kept all the same; the words come with the first answer."""

    def prepare(app: Flask) -> None:
        @app.context_processor
        def add() -> dict[str, object]:
            from flask import session

            return {"member": session["canary-member"]}

    site = build(prepare=prepare)
    assert publishing.publish(site.app, now=site.clock())
    assert len(site.state.ledger.store.editions()) == 1
    assert list(site.state.ledger.store.notices()) == []
    assert "KeyError" in caplog.text
    assert "canary" not in caplog.text


def test_words_that_no_export_can_show(build: Callable[..., Site], caplog: pytest.LogCaptureFixture) -> None:
    """A template with pictures in it, say. They never come into the log, and whoever seals or allows is told."""

    def prepare(app: Flask) -> None:
        folder = Path(app.root_path, "templates", "consentry")
        folder.mkdir(parents=True)
        (folder / "banner.html").write_text('{{ "é" * 2_200_000 }}', encoding="utf-8")

    site = build(prepare=prepare)
    said = failed(site, "seal")
    assert "templates/consentry: the question in 'en' has" in said
    assert "Write a shorter template" in said
    assert site.accept().status_code == 503
    assert "was not recorded: templates/consentry: the question" in caplog.text
    assert site.post(answer="reject_all").status_code == 200, "a refusal never fails"
    assert list(site.state.ledger.store.notices()) == []


# --- erase ----------------------------------------------------------------------------------------------------------


def test_an_erasure(keyed: Site) -> None:
    """The records are gone, a grant is withdrawn first, the log names what went, and others stay."""
    subject, other = answered(keyed), answered(keyed)
    assert subject is not None
    run(keyed, "seal")
    told: list[dict[str, object]] = []

    def listener(_: Flask, **said: object) -> None:
        told.append(said)

    signals.subject_erased.connect(listener, sender=keyed.app)
    said = run(keyed, "erase", "--subject", subject.hex(), "--yes")
    assert said.startswith("1 record erased; the log says so.\nThe visitor still granted something")
    assert subject.hex() not in said
    assert told == [{"records": 1, "withdrew": True}]
    assert {record.subject for record in keyed.records} == {other, None}
    (((revoked, _, _),),) = keyed.state.ledger.store.revocations()
    assert revoked == subject
    assert [json.loads(line)["kind"] for line in _publics(keyed)].count("erasure") == 1
    assert json.loads(run(keyed, "erase", "--subject", subject.hex(), "--yes", "--json")) == {
        "records": 0,
        "withdrew": False,
        "spooled": 0,
        "traces": False,
    }


def test_an_erasure_of_what_only_waits(keyed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes into the log first, counted before anybody is asked; what the store would not have is deleted."""
    spool, subject = keyed.state.ledger.spool, b"w" * 16
    for one in (entry(1, subject=subject), replace(entry(2, subject=subject), salt=b"short"), entry(3)):
        spool.put(one)
    code = claim.write(keyed.state.claims, subject)
    monkeypatch.setattr(running, "_is_terminal", lambda: True)
    said = invoke(keyed, "erase", "--receipt", code, given="y\n").output
    assert "Erase 1 record of this visitor for good?" in said
    assert "1 record erased; the log says so.\nThe visitor still granted something" in said
    assert "1 answer that the store would not have: deleted from this host's spool." in said
    assert "still be on this host's disk" not in said
    assert spool.batch(10) == [entry(3)]
    assert spool.status().refused == 0
    assert [json.loads(line)["kind"] for line in _publics(keyed)] == ["record", "record", "erasure"]


def test_an_erasure_that_leaves_traces(keyed: Site) -> None:
    """The store's records go although the spool is broken, and the command says what is left and who sees to it."""
    subject = answered(keyed)
    assert subject is not None
    path = keyed.state.ledger.spool.path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"not a database" * 1000)
    said = run(keyed, "erase", "--subject", subject.hex(), "--yes")
    assert said.startswith("1 record erased")
    assert "Bytes of them may still be on this host's disk" in said
    assert "flask consent seal at once" in said
    until = keyed.state.policy.lifetime.after(keyed.clock()) + timedelta(days=30)
    keyed.state.ledger.eraser.sweep(now=until - timedelta(seconds=1))
    assert run(keyed, "erase", "--subject", subject.hex(), "--yes", "--json") == (
        '{"records": 0, "withdrew": false, "spooled": 0, "traces": true}\n'
    )


def test_an_erasure_by_receipt(keyed: Site) -> None:
    """By the code on the visitor's own page; also from standard input, where no history shows it."""
    for source in ("argument", "input"):
        subject = answered(keyed)
        assert subject is not None
        code = claim.write(keyed.state.claims, subject)
        result = invoke(
            keyed, "erase", "--yes", "--receipt", code if source == "argument" else "-", given=f" {code} \n"
        )
        assert result.exit_code == 0, result.output
        assert code not in result.output
        assert keyed.state.ledger.store.records_of(subject) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "one of the two"),
        (["--subject", "00" * 16, "--receipt", "x"], "one of the two"),
        (["--subject", "canary"], "32 hexadecimal digits"),
        (["--receipt", "canary"], "no receipt code of this site"),
        (["--receipt", "canary" * 100], "no receipt code of this site"),
    ],
)
def test_an_erasure_of_nobody(site: Site, arguments: list[str], said: str) -> None:
    """The message says how to name somebody, and repeats nothing."""
    output = failed(site, "erase", "--yes", *arguments, code=2)
    assert said in output
    assert "canary" not in output


def test_nothing_is_erased_or_purged_unasked(keyed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal and without --yes, and where the person says no."""
    subject = answered(keyed)
    assert subject is not None
    keyed.clock.advance(days=4000)
    for arguments in (["erase", "--subject", subject.hex()], ["purge"]):
        assert "Add --yes" in failed(keyed, *arguments, code=2)
        with monkeypatch.context() as patched:
            patched.setattr(running, "_is_terminal", lambda: True)
            assert "Aborted" in failed(keyed, *arguments, given="n\n")
            assert len(keyed.records) == 1
    with monkeypatch.context() as patched:
        patched.setattr(running, "_is_terminal", lambda: True)
        assert invoke(keyed, "purge", given="y\n").exit_code == 0
    assert keyed.records == []


# --- purge ----------------------------------------------------------------------------------------------------------


def test_a_purge(keyed: Site) -> None:
    """By the policy's retention: old records go, those that still stand or are younger stay, the log says so."""
    answered(keyed)
    answered(keyed, "reject_all")
    keyed.clock.advance(days=36 * 31)
    answered(keyed)
    assert run(keyed, "purge", "--dry-run") == "2 records of before 2026-03-23 would be deleted.\n"
    assert len(keyed.records) == 3
    said = json.loads(run(keyed, "purge", "--yes", "--json"))
    assert said == {"before": "2026-03-23", "found": 2, "deleted": 2}
    assert len(keyed.records) == 1
    assert [json.loads(line)["kind"] for line in _publics(keyed)].count("purge") == 1
    assert run(keyed, "purge", "--yes") == "0 records of before 2026-03-23 deleted.\n"


def test_a_record_that_stands_is_not_purged(keyed: Site) -> None:
    """However short the records are kept; that is worth a warning."""
    answered(keyed)
    keyed.clock.advance(days=60)
    said = run(keyed, "purge", "--older-than", "30 days", "--yes")
    assert "less than the policy's lifetime" in said
    assert "\n0 records of before 2026-04-02 deleted" in said
    assert len(keyed.records) == 1


def test_a_purge_needs_to_know_how_long(site: Site) -> None:
    """Nothing is deleted by a default of ours."""
    assert '[record] retention = "36 months"' in failed(site, "purge", "--yes", code=2)
    assert "not a length of time" in failed(site, "purge", "--yes", "--older-than", "long ago", code=2)


@given(
    st.builds(Lifetime, months=st.integers(0, 120), seconds=st.integers(1, 10**8)),
    st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # Hypothesis adds it
)
def test_every_purged_record_is_old_enough(kept_for: Lifetime, now: datetime) -> None:
    """The last moment of the last day that goes is at least that long ago, but for the length of a month."""
    before = last_day(kept_for, now)
    last = datetime(before.year, before.month, before.day, tzinfo=UTC)
    assert (now - last).total_seconds() >= kept_for.seconds
    months = (now.year - before.year) * 12 + now.month - before.month
    assert months >= kept_for.months


def test_the_end_of_a_month() -> None:
    """A month before 31 March is the end of February."""
    assert last_day(Lifetime(months=1), datetime(2026, 3, 31, 12, tzinfo=UTC)) == date(2026, 2, 28)


# --- notice ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(made: Callable[..., Site]) -> Site:
    """A site that said one thing on 3 March from 12:34 on, and another from 15:34 on."""
    site = made()
    publishing.publish(site.app, now=site.clock())
    changed = made(SMALL.replace('name = "Maps"', 'name = "Our maps"'))
    changed.clock.advance(hours=3)
    publishing.publish(changed.app, now=changed.clock())
    return changed


def test_what_visitors_saw_at_a_moment(told: Site) -> None:
    """The edition in force then, in words."""
    said = run(told, "notice", "--at", "2026-03-03T13:00", "--language", "de")
    assert said.startswith("2026-03-03 12:34:56 to 2026-03-03 15:34:56 UTC, in de (SHA-256 ")
    assert "Besuche zählen" in said
    assert "- Maps: Map Foundation, Vereinigtes Königreich · no cookies\n" in said
    assert "  - Example Ltd bittet" in said
    assert "Our maps" not in said
    assert "Our maps" in run(told, "notice", "--at", "2026-03-03T16:00+00:00")
    assert "Our maps" in run(told, "notice", "--at", "2026-03-04")


def test_what_visitors_saw_on_a_day_of_change(told: Site) -> None:
    """Both, each with its times."""
    said = run(told, "notice", "--at", "2026-03-03")
    assert said.count("(SHA-256 ") == 2
    assert said.index("- Maps:") < said.index("2026-03-03 15:34:56 to now") < said.index("- Our maps:")


def test_a_notice_as_a_page(told: Site, tmp_path: Path) -> None:
    """With the HTML as it is kept, byte for byte, in a page that shows all of it."""
    target = tmp_path / "notice.html"
    assert run(told, "notice", "--at", "2026-03-03T13:00", "--language", "de", "--html", "--output", str(target)) == ""
    page = target.read_text(encoding="utf-8")
    kept = [n["html"] for n in told.state.ledger.store.notices() if n["language"] == "de"]
    assert sum(html in page for html in kept) == 1
    assert '<html lang="de">' in page
    assert "default-src 'none'" in page, "nothing in it runs or loads"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--at", "2026-03-02"], 1, "notices are kept since 2026-03-03 12:34 UTC"),
        (["--at", "2026-03-03T12:00"], 1, "notices are kept since"),
        (["--at", "2026-03-05", "--language", "fr"], 1, "There was one in: en, de"),
        (["--at", "yesterday"], 2, "2026-03-03T12:00+01:00"),
        ([], 2, "--at"),
    ],
)
def test_a_notice_that_is_not_there(told: Site, arguments: list[str], code: int, said: str) -> None:
    """What there is, and since when."""
    assert said in failed(told, "notice", *arguments, code=code)


def test_a_change_without_other_words_is_no_other_notice(told: Site, made: Callable[..., Site]) -> None:
    """A host more in the policy is another edition and the same notice."""
    site = made(SMALL.replace('name = "Maps"', 'name = "Our maps"').replace("//maps.example.com", "//maps.example.org"))
    site.clock.advance(hours=5)
    assert publishing.publish(site.app, now=site.clock())
    assert run(site, "notice", "--at", "2026-03-03T16:00").startswith("2026-03-03 15:34:56 to now UTC")


def test_no_notices_yet(site: Site) -> None:
    """And none is made by asking; no database either."""
    assert "nothing was ever shown" in failed(site, "notice", "--at", "2026-03-03")
    assert not site.state.ledger.database.path.exists()


# --- status ---------------------------------------------------------------------------------------------------------


def test_a_status_that_is_fine(keyed: Site) -> None:
    """Exit code 0; what was never anchored is said, and no fault."""
    answered(keyed)
    run(keyed, "seal")
    said = run(keyed, "status")
    (key,) = read_keys(keyed.state.ledger.keys.path)
    assert "waiting      0 records\n" in said
    assert re.search(rf"checkpoint   of 4 entries, signed \d+ seconds? ago by {key.public.id}\n", said)
    assert "anchored     never" in said
    assert "0004" in said
    found = json.loads(run(keyed, "status", "--json"))
    assert (found["status"], found["log"]["lag"], found["revocations"]) == ("fine", 0, 0)
    assert (found["warnings"], found["log"]["anchored"]) == ([], False)
    assert found["keys"]["ids"] == [key.public.id]
    run(keyed, "anchor", "file", str(keyed.state.ledger.keys.path.with_name("note")))
    assert "anchored     0 seconds ago, of 4 entries\n" in run(keyed, "status")
    assert json.loads(run(keyed, "status", "--json"))["log"]["anchored"] is True


def test_a_status_before_anything_happened(site: Site) -> None:
    """Looking makes no database, no key and no spool: they would belong to whoever looked."""
    assert "log          not begun" in run(site, "status")
    assert not site.state.ledger.database.path.exists()
    assert not site.state.ledger.keys.path.exists()
    assert not site.state.settings.spool.exists()


def test_a_status_with_something_that_waits(keyed: Site) -> None:
    """Exit code 1 after a minute."""
    answered(keyed)
    run(keyed, "status")
    keyed.clock.advance(seconds=61)
    assert "warning: a record has waited 61 seconds" in failed(keyed, "status", code=1)
    run(keyed, "seal")
    run(keyed, "status")


def test_a_status_with_a_spool(keyed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 if it is not emptied, 2 if it is more than half full."""
    with monkeypatch.context() as patched:
        patched.setattr(type(keyed.state.ledger.store), "append_many", _away)
        keyed.post(answer="accept_all", notice=keyed.token())
    run(keyed, "status")
    keyed.clock.advance(seconds=61)
    assert "an answer has waited 61 seconds in the spool" in failed(keyed, "status", code=1)
    monkeypatch.setattr(keyed.state.ledger.spool._file, "cap_bytes", 1000)
    assert "broken: the spool is more than half full" in failed(keyed, "status", code=2)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_status_with_a_spool_that_cannot_be_used(
    made: Callable[..., Site], tmp_path: Path, *, is_there: bool
) -> None:
    """Exit code 2 before anything needs it: below a file that is no folder, or a file of something else."""
    (tmp_path / "letter").write_text("x" * 5000)
    place = str(tmp_path / "letter") if is_there else "/dev/null/nowhere"
    site = made(CONSENT_SPOOL=place)
    said = failed(site, "status", code=2)
    assert said.count("broken: ") == 1
    assert "broken: CONSENT_SPOOL: name a file of its own on a local disk that the site may write" in said
    assert place in said
    assert "spool        cannot be used\n" in said
    found = json.loads(failed(site, "status", "--json", code=2))
    assert (found["status"], found["spool"], found["store"]["reachable"]) == ("broken", None, True)


def test_a_status_of_an_unsigned_log(made: Callable[..., Site]) -> None:
    """Exit code 2; the remedy is there."""
    site = made()
    site.state.ledger.keys._may_make = lambda: False
    answered(site)
    failed(site, "seal")
    said = failed(site, "status", code=2)
    assert "broken: the log was never signed" in said
    assert "Run: flask consent keys new" in said


def test_a_status_with_a_key_that_others_can_read(keyed: Site) -> None:
    """Exit code 2: nothing gets signed."""
    keyed.state.ledger.keys.path.chmod(0o640)
    assert "broken: " in failed(keyed, "status", code=2)
    assert json.loads(failed(keyed, "status", "--json", code=2))["status"] == "broken"


def test_a_status_without_the_key_that_signed(keyed: Site) -> None:
    """At once with SQLite, which nobody else signs; other hosts may sign what is in PostgreSQL, so it takes a while."""
    answered(keyed)
    run(keyed, "seal")
    key = keyed.state.ledger.keys.path
    text = key.read_text()
    key.unlink()
    is_shared = keyed.state.ledger.database.is_postgresql
    remedy = f"the key that signed the log is not in {key}: nothing new is signed. Put a copy of it there."
    if is_shared:
        keyed.clock.advance(days=1)
        assert "keys         none" in run(keyed, "status"), "all that there is is signed"
        key.write_text(text)
        key.chmod(0o600)
        answered(keyed)
        run(keyed, "seal")
        key.unlink()
    else:
        assert f"broken: {remedy}" in failed(keyed, "status", code=2)
    answered(keyed)
    failed(keyed, "seal")
    if is_shared:
        run(keyed, "status")
        keyed.clock.advance(seconds=61)
        told = failed(keyed, "status", code=1)
        assert re.search(
            r"warning: 1 entry is not signed, and nothing was signed for 6\d seconds\. Does a host run", told
        )
    else:
        told = failed(keyed, "status", code=2)
        assert remedy in told
        assert "warning" not in told
    key.write_text(text)
    key.chmod(0o600)
    assert "warning: 1 entry is not signed. Run: flask consent seal" in failed(keyed, "status", code=1)
    run(keyed, "seal")
    run(keyed, "status")


def test_a_status_with_another_key(keyed: Site) -> None:
    """Somebody put another key in place of the one that signed."""
    answered(keyed)
    run(keyed, "seal")
    keyed.state.ledger.keys.path.unlink()
    run(keyed, "keys", "new")
    assert "signed by another key" in failed(keyed, "status", code=1)


def test_a_status_without_a_store(build: Callable[..., Site]) -> None:
    """Exit code 2; no password, no traceback; the spool is still looked at."""
    url = "postgresql://somebody:canary@127.0.0.1:1/nothing"
    said = failed(build(CONSENT_STORE_URL=url), "status", code=2)
    assert "broken: the records in postgresql" in said
    assert "spool        0 answers" in said
    assert "(cannot be read)\nlog          cannot be read\n" in said
    assert "no tables yet" not in said
    assert "canary" not in said


# --- db -------------------------------------------------------------------------------------------------------------


@contextmanager
def starting(folder: Path, url: str) -> Iterator[Callable[..., Result]]:
    """Runs commands of an application that is made when they run, as on a command line."""
    folder.mkdir(exist_ok=True)
    (folder / "consent.toml").write_text(SMALL, encoding="utf-8")
    made: list[Flask] = []

    def create() -> Flask:
        app = Flask("site", root_path=str(folder), instance_path=str(folder / "instance"))
        app.config.update(SECRET_KEY="x", CONSENT_STORE_URL=url, CONSENT_BACKGROUND=False)
        Consentry(app)
        made.append(app)
        return app

    def invoked(*arguments: str) -> Result:
        from click.testing import CliRunner

        return CliRunner().invoke(
            consent_commands, arguments, obj=ScriptInfo(create_app=create), prog_name="flask consent"
        )

    yield invoked
    for app in made:
        app.extensions["consentry"].ledger.close()


def test_tables_are_made_where_there_are_none(database_url: str, tmp_path: Path) -> None:
    """The one command that works before there are tables; all others name it."""
    is_postgresql = database_url.startswith("postgresql")
    with starting(tmp_path / "site", database_url) as invoked:
        before = invoked("db", "current")
        assert "no tables" in before.output
        assert before.exit_code == (1 if is_postgresql else 0), before.output
        other = invoked("status")
        assert other.exit_code == (1 if is_postgresql else 0), other.output
        if is_postgresql:
            assert "Run: flask consent db upgrade" in other.output
            assert "Run: flask consent db upgrade" in before.output
        done = invoked("db", "upgrade")
        assert done.exit_code == 0, done.output
        assert "from no tables to 0004" in done.output
        assert "nothing to do" in invoked("db", "upgrade").output
        current = invoked("db", "current")
        assert (current.exit_code, current.output.rstrip()[-4:]) == (0, "0004")
        assert invoked("status").exit_code == 0


def test_partitions(database_url: str, tmp_path: Path) -> None:
    """On PostgreSQL, and again for later months; SQLite has none."""
    with starting(tmp_path / "site", database_url) as invoked:
        done = invoked("db", "upgrade", "--partitions", "--ahead", "1")
        if not database_url.startswith("postgresql"):
            assert done.exit_code == 2
            assert "SQLite, and needs none" in done.output
            return
        assert done.exit_code == 0, done.output
        assert re.search(r"Months added: \d{4}-\d\d, \d{4}-\d\d\. 0 rows moved\.", done.output)
        assert "none was missing" in invoked("db", "upgrade", "--partitions", "--ahead", "0").output
        assert "partitions_0001" in invoked("db", "current").output
        assert invoked("status").exit_code == 0


# --- what all of them share -------------------------------------------------------------------------------------------


def test_an_application_that_does_not_start(tmp_path: Path) -> None:
    """A wrong setting is a message, for every command."""
    with starting(tmp_path / "site", "mysql://db/x") as invoked:
        for arguments in (["status"], ["seal"], ["keys", "list"], ["db", "current"], ["anchor", "file", "x"]):
            result = invoked(*arguments)
            assert result.exit_code == 1
            assert result.output.startswith("Error: CONSENT_STORE_URL: ")


def test_an_application_without_consent() -> None:
    """The message says what to do."""
    result = Flask("bare").test_cli_runner().invoke(consent_commands, ["status"])
    assert result.exit_code == 1
    assert "call Consentry(app)" in result.output


def test_from_a_real_command_line(tmp_path: Path) -> None:
    """``flask --app``: make a key, seal, look; then with a store that cannot be used."""
    (tmp_path / "consent.toml").write_text(SMALL, encoding="utf-8")
    code = "from flask import Flask\nfrom flask_consentry import Consentry\napp = Flask(__name__)\n"
    (tmp_path / "app.py").write_text(code + "app.config.from_prefixed_env()\nConsentry(app)\n")

    def flask(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "consent", *arguments],
            cwd=tmp_path,
            env={"FLASK_SECRET_KEY": "x", "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    for arguments in (["keys", "new"], ["seal"], ["status"]):
        done = flask(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
    wrong = flask("status", FLASK_CONSENT_STORE_URL="sqlite:////dev/null/x.sqlite3")
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    assert "CONSENT_STORE_URL" in wrong.stderr


def test_no_message_and_no_log_holds_a_secret(keyed: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """No key and no subject, whatever goes right or wrong."""
    caplog.set_level(logging.DEBUG)
    subject = answered(keyed)
    assert subject is not None
    code = claim.write(keyed.state.claims, subject)
    (private,) = (line for line in keyed.state.ledger.keys.path.read_text().splitlines() if "PRIVATE" in line)
    said = ""
    for arguments in (
        ["seal"],
        ["status"],
        ["keys", "list"],
        ["keys", "rotate"],
        ["anchor", "file", str(tmp_path)],
        ["erase", "--subject", subject.hex()],
        ["erase", "--subject", subject.hex(), "--yes"],
        ["erase", "--receipt", code, "--yes"],
        ["purge", "--yes"],
    ):
        said += invoke(keyed, *arguments).output
    keyed.state.ledger.database.close()
    keyed.state.ledger.database._url = keyed.state.ledger.database._url.set(
        drivername="sqlite", database="/dev/null/nowhere", host=None, port=None, username=None
    )
    keyed.state.ledger.database._path = Path("/dev/null/nowhere")
    for arguments in (["erase", "--subject", subject.hex(), "--yes"], ["seal"], ["purge", "--yes"]):
        result = invoke(keyed, *arguments)
        assert result.exit_code == 1
        assert not isinstance(result.exception, Exception)
        said += result.output
    assert "cannot be" in said, "control: the failures were met"
    for canary in (private[-44:], "PRIVATE+KEY", subject.hex(), str(subject), code):
        assert canary not in said
        assert canary not in caplog.text
