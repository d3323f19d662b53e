"""Docs cannot rot: applications in README and docs/ run, and every setting, route, command and function is described.

The parts that need no Flask are in tests/unit/test_docs.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import logging
import re
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from flask import Flask, Response, make_response

from consent import Answer, ConfigError, Decision, Method, decide
from consent.gate.csp import ContentPolicy
from consent.ledger import export
from consent.policy import parse
from consent.wording import wording
from flask_consentry import Consentry
from flask_consentry.cli import consent_commands
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


@pytest.fixture
def site(tmp_path: Path) -> Flask:
    """An application with the policy of the quickstart and what its template examples need."""
    quickstart = policies(ROOT / "docs" / "quickstart.md")["consent.toml"]
    (tmp_path / "consent.toml").write_text(quickstart + MATOMO, encoding="utf-8")
    app = Flask("site", root_path=str(tmp_path), instance_path=str(tmp_path / "instance"))
    app.config["SECRET_KEY"] = "of the docs' tests"
    Consentry(app)
    return app


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
    assert len(rules) == 9
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


def test_commands() -> None:
    """Every command has a heading, and every option of it a row."""
    page = everything()
    for name, command in consent_commands.commands.items():
        assert f"## `flask consent {name}`" in page
        for option in command.params:
            if isinstance(option, click.Option):
                assert re.search(rf"^\| `{option.opts[0]}\b", page, re.MULTILINE), f"{name} {option.opts[0]}"


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


def test_exported_digest(site: Flask) -> None:
    """A notice's digest is the SHA-256 of its text, as docs/record.md says."""
    client = site.test_client()
    token = re.search(r'name="notice" value="([^"]+)"', client.get("/consent/preferences").text)
    assert token is not None
    client.post("/consent/decision", json={"answer": "accept_all", "notice": token[1]})
    store = site.extensions["consentry"].store
    lines = [json.loads(line) for line in export.ndjson(store.records(), store.notices())]
    notice, record = lines
    assert (notice["type"], record["type"]) == ("notice", "record")
    assert record["notice"] == notice["digest"] == hashlib.sha256(notice["text"].encode()).hexdigest()
