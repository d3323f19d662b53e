"""``flask consent``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import render_template_string

from consent import PolicyError
from consent.policy import catalogue, parse
from flask_consentry.cli import consent_commands
from tests.policies import SMALL

from .conftest import Site


def run(site: Site, *arguments: str) -> str:
    """What a command printed."""
    result = site.app.test_cli_runner().invoke(consent_commands, arguments)
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_check_says_what_is_declared(site: Site) -> None:
    """A valid policy is summed up in a line."""
    assert "The policy is valid.\n" in run(site, "check")


def test_check_prints_what_is_necessary_and_why(build: Callable[..., Site], tmp_path: Path) -> None:
    """Every service that nobody is asked about, with its reason, where it runs, and the way to do without."""
    file = tmp_path / "shop.toml"
    file.write_text(
        SMALL
        + """
[services.till]
purpose = "necessary"
name = "Till"
reason = "Takes the payment."
routes = ["/checkout/*", "/pay"]
[services.letters]
purpose = "necessary"
name = "Letters"
alternative = "Serve the files yourself."
""",
        encoding="utf-8",
    )
    output = build().app.test_cli_runner().invoke(consent_commands, ["check", "--policy", str(file)]).output
    assert "necessary: login: Keeps members logged in.\n" in output
    assert "necessary: till (on /checkout/*, /pay): Takes the payment.\n" in output
    assert "necessary: letters: no reason written\n" in output
    assert "services.letters.purpose: necessary, although there is another way. Serve the files yourself." in output


def test_the_catalogue_is_listed(site: Site) -> None:
    """One line an entry: id, name, purpose, how it opens."""
    lines = run(site, "catalogue").splitlines()
    assert len(lines) == len(catalogue.ids())
    youtube = next(line for line in lines if line.startswith("youtube "))
    assert re.split(r"  +", youtube) == ["youtube", "YouTube", "social", "frame"]


def test_the_catalogue_is_searched(site: Site) -> None:
    """By a word of the name or by a host; a word that nothing has is an error."""
    assert "youtube" in run(site, "catalogue", "www.youtube-nocookie.com")
    assert "matomo" not in run(site, "catalogue", "youtube")
    assert run(site, "catalogue", "gtag").startswith("google-analytics ")
    result = site.app.test_cli_runner().invoke(consent_commands, ["catalogue", "no such service"])
    assert result.exit_code == 1
    assert "no entry has 'no such service' in it" in result.output


def test_an_entry_is_shown_as_what_to_paste(site: Site) -> None:
    """The output is TOML from end to end; sources, doubts and what it stands for are comments."""
    shown = run(site, "catalogue", "--show", "youtube")
    assert tomllib.loads(shown) == {"services": {"youtube": {"use": "youtube"}}}
    for fact in catalogue.entry("youtube").facts:
        assert fact.source in shown
        assert ("not certain" in shown) or fact.sure
    assert "# frame-src" in shown


def test_an_unknown_entry_is_explained(site: Site) -> None:
    """With the nearest name."""
    result = site.app.test_cli_runner().invoke(consent_commands, ["catalogue", "--show", "yutube"])
    assert result.exit_code == 1
    assert 'Did you mean "youtube"?' in result.output


def test_an_entry_is_found_by_another_name(site: Site) -> None:
    """What people call it leads to its id."""
    result = site.app.test_cli_runner().invoke(consent_commands, ["catalogue", "--show", "twitter"])
    assert 'Did you mean "x"?' in result.output


def test_discover_tells_what_no_answer_opens(build: Callable[..., Site]) -> None:
    """A necessary service off its routes: a section of its own, with the path and what to do. On them, nothing."""
    till = '\n[services.till]\npurpose = "necessary"\nname = "Till"\nroutes = ["/checkout/*"]\n'
    shop = build(SMALL + till + 'hosts = { script-src = ["https://js.till.example"] }\n', CONSENT_MODE="report")
    for page in ("/donate", "/checkout/pay"):
        report = {
            "blocked-uri": "https://js.till.example/v3",
            "effective-directive": "script-src-elem",
            "document-uri": f"http://localhost{page}",
        }
        shop.client.post("/consent/report", json={"csp-report": report}, content_type="application/csp-report")
    assert shop.state.tally is not None
    shop.state.tally.flush()
    said = run(shop, "discover")
    assert said.startswith(
        "Declared, but not on these pages (1)\n\njs.till.example: once, last on 2026-03-03\n"
        "  by    script-src\n  on    /donate\n  of    till\n\nTheir services have routes"
    )
    assert "held back" not in said
    assert "add the path to its\nroutes" in said
    assert [host["services"] for host in json.loads(run(shop, "discover", "--json"))["elsewhere"]] == [["till"]]


def test_what_the_gate_logs_to_paste_has_to_be_completed(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Valid TOML, as docs/gate.md shows it, that no application starts with: nothing in it reaches visitors unread."""
    site.get("/cookies?name=theme")
    pasted = caplog.messages[0].partition("\n\n")[2]
    assert pasted in (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    assert tomllib.loads(pasted)["services"]["your_service"]["cookies"] == [{"name": "theme", "lifetime": "session"}]
    with pytest.raises(PolicyError) as caught:
        parse(SMALL + pasted)
    assert {problem.key for problem in caught.value.problems} == {
        "services.your_service.name",
        "services.your_service.reason",
    }


def test_a_template_names_services_in_quotes(site: Site) -> None:
    """Without quotes it is a variable that is not there, and the message says so."""
    with site.app.test_request_context(), pytest.raises(PolicyError, match="Is it in quotes"):
        render_template_string("{% consent service=youtube %}{% endconsent %}")


def test_check_warns_and_can_be_strict(build: Callable[..., Site], tmp_path: Path) -> None:
    """Warnings name key and remedy; ``--strict`` makes them count."""
    file = tmp_path / "odd.toml"
    file.write_text('site = "odd"\n[purposes.social]\n', encoding="utf-8")
    runner = build().app.test_cli_runner()
    lax = runner.invoke(consent_commands, ["check", "--policy", str(file)])
    assert lax.exit_code == 0
    assert "warning: purposes.social: a purpose without a service" in lax.output
    assert runner.invoke(consent_commands, ["check", "--policy", str(file), "--strict"]).exit_code == 1


def test_check_works_where_the_application_does_not_start(tmp_path: Path) -> None:
    """The very policy that stops the application is explained by the command, without a traceback."""
    (tmp_path / "consent.toml").write_text(
        SMALL.replace('purpose = "statistics"', 'purpose = "statistic"'), encoding="utf-8"
    )
    (tmp_path / "app.py").write_text(
        "from flask import Flask\nfrom flask_consentry import Consentry\n"
        "app = Flask(__name__)\napp.config['SECRET_KEY'] = 'x'\nConsentry(app)\n",
        encoding="utf-8",
    )
    code = "import sys; from flask.cli import main; sys.argv = ['flask', *sys.argv[1:]]; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--app", str(tmp_path / "app.py"), "consent", "check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    assert "services.matomo.purpose" in done.stderr
    assert "Traceback" not in done.stderr
