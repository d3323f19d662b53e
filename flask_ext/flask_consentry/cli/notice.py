"""``flask consent notice``: what visitors could read on a day, as the ledger keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from importlib.resources import files
from typing import Any

import click

from consent import StoreError

from ..state import State
from .running import count, within

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Shown:
    """One wording, and when it stood: from *since* on and before *until*."""

    since: datetime
    until: datetime
    digest: str
    text: Mapping[str, Any]
    html: str

    @property
    def times(self) -> str:
        """When it stood, for people."""
        until = "now" if self.until == _END else f"{self.until:%Y-%m-%d %H:%M:%S}"
        return f"{self.since:%Y-%m-%d %H:%M:%S} to {until} UTC"


@click.command("notice")
@click.option(
    "--at", "at", required=True, metavar="MOMENT", help="2026-03-03 or 2026-03-03T12:00; UTC without an offset."
)
@click.option("--language", help="Such as de. Default: the first language of that day.")
@click.option("--html", "form", flag_value="html", help="A page to look at in a browser.")
@click.option("--text", "form", flag_value="text", default="text", help="The words (default).")
@click.option("--output", type=click.File("w", encoding="utf-8", atomic=True), default="-", help="A file.")
@within
def notice(state: State, at: str, language: str | None, form: str, output: Any) -> None:
    """Show what visitors were told on a day: the question with all that belongs to it.

    If the words changed on that day, all of them are shown, each with its times.
    """
    begin, end = _span(at)
    database = state.ledger.database
    if not database.current():
        raise StoreError(f"{database.name} holds no notices yet: nothing was ever shown")
    shown = _shown(state, begin, end, language)
    made = _page(state.policy.site, shown) if form == "html" else "\n\n".join("\n".join(_words(one)) for one in shown)
    output.write(made.rstrip() + "\n")


def _span(at: str) -> tuple[datetime, datetime]:
    """The moment, or the day from its beginning to its end."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise click.BadParameter(f'{at!r} is no date; write "2026-03-03" or "2026-03-03T12:00+01:00"') from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _DAY.fullmatch(at):
        return moment, moment
    return moment, moment + timedelta(days=1, microseconds=-1)


def _shown(state: State, begin: datetime, end: datetime, language: str | None) -> list[Shown]:
    """The wordings that stood at some time from *begin* to *end*."""
    editions = state.ledger.store.editions()
    if not editions:
        remedy = "They are kept from the next request on, or now with: flask consent seal"
        raise StoreError(f"no notices of {state.policy.site} are kept yet. {remedy}")
    first = editions[0][0]
    if end < first:
        raise click.ClickException(f"nothing is known of that time: notices are kept since {first:%Y-%m-%d %H:%M} UTC")
    ends = [since for since, _ in editions[1:]] + [_END]
    every = [(since, until, json.loads(body)) for (since, body), until in zip(editions, ends, strict=True)]
    stood = [said for since, until, said in every if since <= end and until > begin]
    language = language or stood[0]["languages"][0]
    if not any(language in said["notices"] for said in stood):
        known = dict.fromkeys(one for said in stood for one in said["languages"] if one in said["notices"])
        if not known:
            raise click.ClickException("nothing was asked then: the policy had no purposes")
        raise click.ClickException(f"there was no notice in {language!r} then. There was one in: {', '.join(known)}")
    found = [(since, until, said["notices"][language]) for since, until, said in every if language in said["notices"]]
    kept = {one["digest"]: one for one in state.ledger.store.notices()}
    return [_kept(*one, kept) for one in _joined(found) if one[0] <= end and one[1] > begin]


def _joined(found: Sequence[tuple[datetime, datetime, str]]) -> Iterator[tuple[datetime, datetime, str]]:
    """Neighbours with the same words as one: an edition may change something else."""
    current = found[0]
    for since, until, digest in found[1:]:
        if digest == current[2] and since == current[1]:
            current = (current[0], until, digest)
        else:
            yield current
            current = (since, until, digest)
    yield current


def _kept(since: datetime, until: datetime, digest: str, kept: Mapping[str, Mapping[str, Any]]) -> Shown:
    if digest not in kept:
        raise StoreError(
            f"the notice {digest} was not kept: nobody answered it, and the site's templates did not render"
        )
    return Shown(since, until, digest, json.loads(kept[digest]["text"]), kept[digest]["html"])


def _words(shown: Shown) -> Iterator[str]:
    """What was said, for reading; the exact text is in the export."""
    said = shown.text
    controller = said["controller"]
    asks = ", ".join(
        controller[key] for key in ("name", "address", "country", "email", "privacy_url") if controller[key]
    )
    yield f"{shown.times}, in {said['language']} (SHA-256 {shown.digest})"
    yield ""
    yield f"Who asks: {asks or 'nobody was named'}"
    yield f"An answer stands for: {said['lifetime']}"
    for purpose in (*said["purposes"], *said["exempt"]):
        yield ""
        yield f"{purpose['label']}" + ("" if purpose in said["purposes"] else " (on unless the visitor objects)")
        yield f"  {purpose['description']}"
        yield from (f"  - {_service(service)}" for service in purpose["services"])
    yield ""
    yield "Sentences and buttons, those for special cases among them:"
    given = {"{controller}": controller["name"] or "…", "{duration}": said["lifetime"]}
    for sentence in filter(None, said["sentences"]):
        yield "  - " + re.sub(r"\{\w+\}", lambda found: given.get(found[0], found[0]), sentence)


def _service(service: Mapping[str, Any]) -> str:
    company = ", ".join(part for part in (service["provider"], service["country"]) if part)
    stores = count(service["cookies_count"], "cookie") if service["cookies_count"] else "no cookies"
    return " · ".join(part for part in (f"{service['name']}: {company}", stores, service["privacy_url"]) if part)


def _page(site: str, shown: Sequence[Shown]) -> str:
    """A page with the HTML as it is kept. Its looks are today's: style sheets are not kept."""
    looks = (files("flask_consentry") / "static" / "banner.css").read_text(encoding="utf-8")
    parts = "\n".join(f"<h2>{escape(one.times)}</h2>\n<p>SHA-256 {one.digest}</p>\n{one.html}" for one in shown)
    language = escape(str(shown[0].text["language"]))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_INERT}">\n'
        f"<title>{escape(site)}: {escape(shown[0].times)}</title>\n<style>{looks}</style>\n<style>{_UNFOLDED}</style>\n"
        f"</head>\n<body>\n{parts}\n</body>\n</html>\n"
    )


#: The page is for looking: nothing in it runs, loads or is sent.
_INERT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
#: Shows in the page itself, and on paper, what stands at its edge or opens with a click on a site.
_UNFOLDED = (
    "body{font-family:system-ui,sans-serif;max-width:70rem;margin:auto;padding:1rem}"
    ".cs-ui.cs-box{display:block;position:static;max-height:none;margin-block:1rem}"
    ".cs-ui .cs-dialog{display:block;position:static;max-height:none;margin-block:1rem}"
    ":root:has(.cs-box){padding:0}"
)
