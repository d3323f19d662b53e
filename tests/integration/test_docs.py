"""Docs cannot rot: applications in README and docs/ run, and every setting, route, command and function is described.

The parts that need no Flask are in tests/unit/test_docs.py.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import logging
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from flask import Flask, Response, make_response
from flask.testing import FlaskClient

from consent import Answer, ConfigError, Decision, Method, decide
from consent.gate.csp import ContentPolicy
from consent.policy import parse
from consent.proof.console import main as consentry
from consent.wording import wording
from flask_consentry import Consentry, signals
from flask_consentry.cli import consent_commands
from flask_consentry.cli.status import _WORDS as CONDITIONS
from flask_consentry.config import PREFIX, Settings
from flask_consentry.current import visit
from flask_consentry.jinja import ConsentTag

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()]
_BLOCK = re.compile(r"^```([\w+-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CHECK = re.compile(r"^\$ flask [^\n]*consent check\n((?:(?!\$ |```).+\n)+)", re.MULTILINE)

#: Declares what the template examples use and the quickstart does not.
MATOMO = """
[services.matomo]
purpose = "statistics"
name = "Matomo"
[services.matomo.hosts]
script-src = ["https://stats.example.com"]
[services.x]
use = "x"
"""


def text(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [code for written, code in _BLOCK.findall(page.read_text(encoding="utf-8")) if written == language]


def policies(page: Path) -> dict[str, str]:
    """The whole policies that *page* shows, by file name; those of the quickstart where it shows none."""
    found: dict[str, str] = {}
    for code in blocks(page, "toml"):
        if re.search(r"^site =", code, re.MULTILINE):
            named = re.match(r"# (\w+\.toml)\n", code)
            found.setdefault(named[1] if named else "consent.toml", code)
    return found or policies(ROOT / "docs" / "quickstart.md")


def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "README.md")


def accepted(app: Flask) -> Decision:
    """The decision of a visitor who accepts everything."""
    policy = app.extensions["consentry"].policy
    answer = Answer(method=Method.ACCEPT_ALL, asked=tuple(policy.purposes))
    return decide(policy, None, answer, now=datetime.now(UTC), subject=bytes(16))


def applications() -> list:
    return [
        pytest.param(page, code, id=f"{page.name}-{number}")
        for page in PAGES
        for number, code in enumerate(blocks(page, "python"))
        if "Consentry(" in code
    ]


def built(folder: Path, **config: object) -> Flask:
    """An application with the policy of the quickstart and what its template examples need."""
    quickstart = policies(ROOT / "docs" / "quickstart.md")["consent.toml"]
    folder.mkdir(exist_ok=True)
    (folder / "consent.toml").write_text(quickstart + MATOMO, encoding="utf-8")
    app = Flask("site", root_path=str(folder), instance_path=str(folder / "instance"))
    quiet = {"CONSENT_BACKGROUND": False, "CONSENT_STORE_TIMEOUT": 20}
    app.config.update({"SECRET_KEY": "of the docs' tests"} | quiet | config)
    Consentry(app)
    return app


@pytest.fixture
def site(tmp_path: Path) -> Flask:
    """See :func:`built`."""
    return built(tmp_path)


def started(page: Path, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application of *code*, beside the policies and templates of its *page*."""
    for name, policy in policies(page).items():
        (folder / name).write_text(policy, encoding="utf-8")
    for template in (*blocks(page, "jinja"), *blocks(page, "html")):
        if named := re.match(r"\{# (templates/[\w./]+) #\}\n", template):
            (folder / named[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / named[1]).write_text(template, encoding="utf-8")
    (folder / "app.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("FLASK_SECRET_KEY", "of the docs' tests")
    monkeypatch.chdir(folder)
    spec = importlib.util.spec_from_file_location("app_of_the_docs", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    app = module.app if hasattr(module, "app") else module.create_app()
    assert isinstance(app, Flask)
    return app


@pytest.mark.parametrize(("page", "code"), applications())
def test_applications_run(page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every application in the docs starts and answers GET / with 200, through the gate."""
    response = started(page, code, tmp_path, monkeypatch).test_client().get("/")
    assert response.status_code == 200
    assert "Content-Security-Policy" in str(response.headers)  # report-only on the page about report mode
    if "render_template" in code:
        assert 'data-consentry="banner"' in response.text


def test_two_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The docs' example of two applications under one host serves both, each with its own cookie names."""
    page = ROOT / "docs" / "configuration.md"
    code = next(code for code in blocks(page, "python") if "DispatcherMiddleware" in code)
    client = started(page, code, tmp_path, monkeypatch).test_client()
    assert (client.get("/").text, client.get("/shop/").text) == ("blog", "shop")
    assert client.get("/shop/consent/state").get_json()["rules"]["cookies"].keys() >= {"consent_shop", "session_shop"}


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(code, id=f"{page.name}-{number}")
        for page in PAGES
        for number, code in enumerate(blocks(page, "jinja"))
    ],
)
def test_templates_render(site: Flask, template: str) -> None:
    """Every template example renders, before an answer and after a yes to everything."""
    example = site.jinja_env.from_string(template)
    with site.test_request_context():
        example.render()
    with site.test_request_context():
        visit().adopt(accepted(site))
        assert example.render().strip() or template.strip() == "{{ consent_banner() }}"


def test_script_attributes(site: Flask) -> None:
    """docs/quickstart.md shows what its call of consent_script() writes."""
    call = next(code for code in blocks(ROOT / "docs" / "quickstart.md", "jinja") if "consent_script(" in code)
    with site.test_request_context():
        visit().adopt(accepted(site))
        assert f"`{site.jinja_env.from_string(call).render()}`" in text("quickstart.md")


def test_settings() -> None:
    """docs/configuration.md has a row for every setting."""
    page = text("configuration.md")
    keys = [PREFIX + field.name.upper() for field in fields(Settings)]
    assert [key for key in keys if f"\n| `{key}` |" not in page] == []


def test_no_invented_settings() -> None:
    """Every CONSENT_ setting that README or docs name exists."""
    known = {PREFIX + field.name.upper() for field in fields(Settings)} | {"CONSENT_MOD"}  # misspelt on purpose
    assert set(re.findall(r"\bCONSENT_[A-Z_]+\b", "\n".join(page.read_text("utf-8") for page in PAGES))) <= known


def test_settings_errors(tmp_path: Path) -> None:
    """docs/configuration.md shows an error message as it is."""
    app = Flask("app", root_path=str(tmp_path), instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="of the docs' tests", CONSENT_MOD="enforce", CONSENT_URL_PREFIX="consent/")
    with pytest.raises(ConfigError) as raised:
        Consentry(app)
    assert str(raised.value) in text("configuration.md")


def test_routes(site: Flask) -> None:
    """docs/configuration.md lists every route with its method."""
    page = text("configuration.md")
    rules = [rule for rule in site.url_map.iter_rules() if rule.endpoint.startswith("consentry")]
    assert len(rules) == 15
    for rule in rules:
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        assert f"| `{method} {rule.rule}` |" in page


def test_template_functions(site: Flask) -> None:
    """docs/quickstart.md has a heading for every template function and for the tag."""
    page = text("quickstart.md")
    names = sorted(name for name in site.jinja_env.globals if name.startswith("consent_"))
    assert "consent_head" in names
    assert [name for name in names if f"### `{name}()`" not in page] == []
    assert [tag for tag in ConsentTag.tags if f"### `{{% {tag} %}}`" not in page] == []


def test_template_arguments(site: Flask) -> None:
    """docs/quickstart.md names every argument of every template function, in the function's own section."""
    sections = dict(re.findall(r"^### `(\w+)\(\)`\n(.*?)(?=^##)", text("quickstart.md"), re.MULTILINE | re.DOTALL))
    for name, section in sections.items():
        function = site.jinja_env.globals[name]
        assert callable(function)
        for argument in inspect.signature(function).parameters:
            assert re.search(rf"\b{argument}\b", section), f"{name}({argument})"


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of a group and of the groups in it, with the words that lead to it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


def section(heading: str) -> str:
    """What stands under a heading of the docs, up to the next one of its kind or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,3}} |\Z)", everything(), re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[2]


def test_commands() -> None:
    """Every command, or its group, has a section; a group's names the command, and every option has a row in it."""
    for words, command in commands(consent_commands):
        told = section(f"`flask consent {words[0]}`")
        if len(words) > 1:
            assert f"`flask consent {' '.join(words)}" in told
        for option in command.params:
            if isinstance(option, click.Option):
                rows = [name for name in option.opts if re.search(rf"^\| `{name}\b", told, re.MULTILINE)]
                assert rows, f"{' '.join(words)} {option.opts[0]}"


def shown_commands() -> list:
    """Every call of ``flask consent`` in README and docs, without what a shell makes of it."""
    lines = [line for page in PAGES for code in blocks(page, "console") for line in code.splitlines()]
    calls = [re.search(r"^(?:\$ )?flask (?:--app \S+ )?consent (.*)", line) for line in lines]
    found = dict.fromkeys(re.split(r"\s[#>|]", call[1])[0] for call in calls if call)
    return [pytest.param(shlex.split(call), id=call) for call in found]


@pytest.mark.parametrize("words", shown_commands())
def test_shown_commands_are_real(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that README or docs show exists, and takes what stands behind it."""
    monkeypatch.chdir(tmp_path)
    command: click.Command = consent_commands
    name = "consent"
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    assert command.make_context(name, list(words)).command is command


@pytest.mark.parametrize("page", [page for page in PAGES if _CHECK.search(page.read_text(encoding="utf-8"))])
def test_output_of_check(page: Path, tmp_path: Path, site: Flask) -> None:
    """The output of ``flask consent check`` that a page shows is what the command says of the page's first policy."""
    file = tmp_path / "shown.toml"
    file.write_text(policies(page)["consent.toml"], encoding="utf-8")
    said = site.test_cli_runner().invoke(consent_commands, ["check", "--policy", str(file)]).output
    for shown in _CHECK.findall(page.read_text(encoding="utf-8")):
        assert shown == said


def test_policy_header() -> None:
    """docs/gate.md shows the header before an answer and what a grant adds."""
    policy = parse(policies(ROOT / "docs" / "quickstart.md")["consent.toml"])
    headers, page = ContentPolicy(policy), text("gate.md")
    assert f"Content-Security-Policy: {headers.locked}\n" in page
    assert headers.header(frozenset({"youtube"})).removeprefix(headers.locked) + "\n" in page


def test_log_of_a_dropped_cookie(site: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """docs/gate.md shows the log line of a dropped cookie as it is."""

    @site.get("/theme")
    def theme() -> Response:
        response = make_response("")
        response.set_cookie("theme", "dark")
        return response

    with caplog.at_level(logging.INFO, "consentry"):
        site.test_client().get("/theme")
    assert caplog.messages[0] in text("gate.md")


def test_preferences_words() -> None:
    """The words of buttons that the docs quote are those that visitors see."""
    page = everything()
    for key in ("accept_all", "reject_all", "choose", "ask_again", "play_once", "gpc_honoured", "gpc_allow"):
        assert wording("en").ui[key] in page.replace("\n", " "), key


def test_state(site: Flask) -> None:
    """docs/decisions.md explains every field of the JSON state."""
    page, client = text("decisions.md"), site.test_client()
    state = client.get("/consent/state").get_json()
    answer = client.post("/consent/decision", json={"answer": "reject_all"}).get_json()
    assert [field for field in {*state, *answer} if f"\n| `{field}` |" not in page] == []


def test_receipt(site: Flask) -> None:
    """docs/record.md explains every field of the receipt as JSON, of a choice and of its end."""
    client = site.test_client()
    answer(client, "accept_all")
    site.test_cli_runner().invoke(consent_commands, ["seal"])
    said = client.get("/consent/receipt", headers={"Accept": "application/json"}).get_json()
    ended = client.post("/consent/receipt", json={"action": "erase", "code": said["code"]}).get_json()
    told = section("The same for programs")
    wanted = {*said, *ended, *said["decision"], *said["records"][0]}
    assert {"proof", "salt", "leaf", "erased"} <= wanted
    assert [field for field in sorted(wanted) if f"`{field}`" not in told] == []


def test_signals() -> None:
    """docs/operations.md has a row for every signal."""
    told = section("Signals")
    assert len(signals.ALL) >= 8
    assert [name for name in signals.ALL if f"\n| `{name}` |" not in told] == []


def test_metrics(tmp_path: Path) -> None:
    """docs/operations.md has a row for every metric, with its type, and for no other."""
    app = built(tmp_path, CONSENT_AUTHORIZE=lambda _: True)
    text = app.test_client().get("/consent/metrics").text
    known = set(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert len(known) >= 20
    assert set(re.findall(r"^\| `(consentry_\w+)` \| (\w+) \|", section("Metrics"), re.MULTILINE)) == known


def test_status() -> None:
    """docs/operations.md names what the condition is called, with each exit code."""
    told = section("`flask consent status`")
    for code, word in enumerate(CONDITIONS):
        assert f"\n| {code} |" in told
        assert f"`{word}`" in told


def log_lines() -> list[str]:
    """How every line of the log begins, up to what differs; of those that are not put together elsewhere."""
    files = [file for room in ("consent", "flask_ext") for file in (ROOT / room).rglob("*.py")]
    calls = [node for file in files for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Call)]
    said = []
    for call in calls:
        function = call.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "_LOG":
            text = call.args[0]
            if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
                continue
            if not text.value.startswith("%s the cookie"):  # the table says "dropped" and "would drop"
                said.append(max(re.split(r" ?%[sr]", text.value.partition(": %s")[0]), key=len).strip(" :("))
    return said


def test_log() -> None:
    """docs/configuration.md has a row for every line that the log may have."""
    rows = "\n".join(re.findall(r"^\| `.*\| (?:info|warning|error).*$", text("configuration.md"), re.MULTILINE))
    assert len(log_lines()) >= 15
    assert [line for line in log_lines() if line.partition(":")[0] not in rows] == []


def answer(client: FlaskClient, method: str, **fields: object) -> None:
    """An answer to the full question, as the preferences page sends it."""
    token = re.search(r'name="notice" value="([^"]+)"', client.get("/consent/preferences").text)
    assert token is not None
    sent = client.post("/consent/decision", json={"answer": method, "notice": token[1], **fields})
    assert sent.get_json()["recorded"]


def answered(app: Flask) -> None:
    """Four visitors, one of whom takes everything back."""
    answer(app.test_client(), "accept_all")
    answer(app.test_client(), "custom", purposes=["statistics"])
    answer(app.test_client(), "reject_all")
    restless = app.test_client()
    answer(restless, "accept_all")
    answer(restless, "withdraw")


def run(app: Flask, command: str) -> str:
    """What a command of ``flask consent`` says on standard output; it ends with 0."""
    result = app.test_cli_runner().invoke(consent_commands, shlex.split(command))
    assert result.exit_code == 0, result.output
    return result.stdout


def shape(report: str) -> str:
    """*report* without what differs between two exports: times, numbers and hashes, and where lines break."""
    plain = re.sub(r"\b[0-9a-f]{64}\b|(?<=key )[0-9a-f]{8}\b|[0-9]+", "N", report)
    return " ".join(plain.split())


def samples(page: str) -> list[str]:
    """The shapes of the texts that a page shows."""
    return [shape(code) for code in blocks(ROOT / "docs" / page, "text")]


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A site with answers, in the folder of which the commands of docs/audit.md are run, up to the public key."""
    monkeypatch.chdir(tmp_path)
    app = built(tmp_path / "site")
    answered(app)
    run(app, "export --output records.ndjson --quiet")
    Path("site.pub").write_text(run(app, "keys list --public"), encoding="utf-8")
    return app


VERIFY = ["verify", "records.ndjson", "--key", "site.pub"]


def test_audit(audited: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    """An export of the site is VALID, and the report is the one that docs/audit.md shows."""
    assert consentry(VERIFY) == 0
    assert shape(capsys.readouterr().out) in samples("audit.md")
    assert "VALID, UNANCHORED" in text("audit.md")


def test_audit_of_a_changed_file(audited: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    """One yes that became a no makes the file INVALID, as docs/audit.md shows; so does any other byte."""
    file = Path("records.ndjson")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"social":true', b'"social":false', 1))
    assert consentry(VERIFY) == 1
    assert shape(capsys.readouterr().out) in samples("audit.md")
    file.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    assert consentry(VERIFY) == 1


def test_audit_with_a_checkpoint(audited: Flask, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that goes on is ANCHORED, one that was rewritten with the same key DIVERGED, as docs/audit.md shows."""
    run(audited, "anchor file 2026-03.note")
    answer(audited.test_client(), "accept_all")
    answer(audited.test_client(), "reject_all")
    run(audited, "export --output records.ndjson --quiet")
    assert consentry([*VERIFY, "--checkpoint", "2026-03.note"]) == 0
    report = capsys.readouterr().out
    assert report.startswith("VALID, ANCHORED")
    assert shape(report.partition("\n\n")[2].partition("\n\n")[2]) in samples("audit.md")
    (tmp_path / "again" / "instance").mkdir(parents=True)
    shutil.copy(tmp_path / "site" / "instance" / "consent-signing-my-site.key", tmp_path / "again" / "instance")
    rewritten = built(tmp_path / "again")
    answered(rewritten)
    answered(rewritten)
    run(rewritten, "export --output records.ndjson --quiet")
    assert consentry(VERIFY) == 0
    capsys.readouterr()
    assert consentry([*VERIFY, "--checkpoint", "2026-03.note"]) == 2
    assert shape(capsys.readouterr().out) in samples("audit.md")


def test_audit_of_a_selection(audited: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    """A selection is PARTIAL, anchored or not."""
    run(audited, "anchor file 2026-03.note")
    run(audited, "export --event refused --output records.ndjson --quiet")
    assert consentry([*VERIFY, "--checkpoint", "2026-03.note"]) == 0
    assert capsys.readouterr().out.startswith("VALID, ANCHORED, PARTIAL")


def test_audit_after_an_erasure(audited: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    """One person's records can be found by the receipt code and exported; once erased, the whole is still VALID."""
    client = audited.test_client()
    answer(client, "accept_all")
    code = client.get("/consent/receipt", headers={"Accept": "application/json"}).get_json()["code"]
    run(audited, f"export --receipt {code} --output one-person.ndjson --quiet")
    lines = [json.loads(line) for line in Path("one-person.ndjson").read_text(encoding="utf-8").splitlines()]
    (subject,) = (line["record"]["subject"] for line in lines if "record" in line)
    assert consentry(["verify", "one-person.ndjson", "--key", "site.pub"]) == 0
    assert "erased" not in capsys.readouterr().out
    assert Path("one-person.ndjson").read_text(encoding="utf-8").count(f'"subject":"{subject}"') == 2  # and the filter
    said = run(audited, f"erase --subject {subject} --yes")
    assert said.splitlines()[0] in text("record.md")
    run(audited, "export --output records.ndjson --quiet")
    assert subject not in Path("records.ndjson").read_text(encoding="utf-8")
    assert consentry(VERIFY) == 0
    assert "1 erased, as the log says" in capsys.readouterr().out


def test_notice_of_a_day(audited: Flask) -> None:
    """``flask consent notice --at`` shows the words of a day."""
    said = run(audited, f"notice --at {datetime.now(UTC):%Y-%m-%d} --language en")
    assert [words for words in ("My Site", "privacy@example.com", "Count visits", "YouTube") if words not in said] == []


def test_exported_digest(audited: Flask) -> None:
    """A notice's digest is the SHA-256 of its text, and a record names it so, as docs/record.md says."""
    said = [json.loads(line) for line in Path("records.ndjson").read_text(encoding="utf-8").splitlines()]
    (notice,) = (line for line in said if "notice" in line)
    records = [line["record"] for line in said if "record" in line]
    assert notice["leaf"]["digest"] == hashlib.sha256(notice["notice"]["text"].encode()).hexdigest()
    assert {record["notice"] for record in records} == {notice["leaf"]["digest"]}


def test_quickstart_of_the_proof(audited: Flask) -> None:
    """README and docs/quickstart.md show the way from the site to the verdict."""
    for page in ((ROOT / "README.md").read_text(encoding="utf-8"), text("quickstart.md"), text("audit.md")):
        assert "export --output records.ndjson" in page
        assert "keys list --public > site.pub" in page
        assert f"consentry {' '.join(VERIFY)}" in page
