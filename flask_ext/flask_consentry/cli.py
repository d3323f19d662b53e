"""``flask consent``: check a policy, export the record.

Registered as a plug-in of Flask's command line, so that ``check`` also works on a policy with which the application
does not start.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from flask.cli import AppGroup, ScriptInfo, with_appcontext

from consent import ConsentError, Policy, StoreError
from consent import policy as policies
from consent.ledger import export as exports

from . import current
from .state import State

if TYPE_CHECKING:
    _ParamType = click.ParamType[datetime]
else:
    _ParamType = click.ParamType  # generic from click 8.4 on; older ones are allowed

consent_commands = AppGroup("consent", help="Consent: check the policy, export the record.")


class _Moment(_ParamType):
    """A day or a moment in ISO 8601; UTC where no offset is given."""

    name = "iso-8601"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f'{value!r} is no date; write "2026-03-03" or "2026-03-03T12:00+01:00"', param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@consent_commands.command("check", with_appcontext=False)
@click.option("--policy", "file", type=click.Path(path_type=Path), help="The policy file. Default: the application's.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.pass_obj
def check(info: ScriptInfo, file: Path | None, strict: bool) -> None:
    """Validate the policy and say what is worth a second look.

    Exits with 1 if the policy is wrong.
    """
    try:
        policy = policies.load(file) if file else _policy_of(info)
    except ConsentError as error:
        raise click.ClickException(str(error)) from None
    warnings = list(policies.advise(policy))
    for warning in warnings:
        click.echo(f"warning: {warning}")
    counts = f"{len(policy.purposes)} purposes, {len(policy.services)} services, {len(policy.cookies)} cookies"
    click.echo(f"{policy.site}: {counts}, languages {', '.join(policy.languages)}, revision {policy.revision}")
    click.echo("The policy is valid" + (f", with {len(warnings)} warnings." if warnings else "."))
    if warnings and strict:
        sys.exit(1)


@consent_commands.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
@click.option("--since", type=_Moment(), help="Records from this day or moment on (ISO 8601, UTC).")
@click.option("--until", type=_Moment(), help="Records before this day or moment.")
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", atomic=True),
    default="-",
    help="A file. Default: standard output.",
)
@with_appcontext
def export(form: str, since: datetime | None, until: datetime | None, output: TextIO) -> None:
    """Write the records, oldest first.

    ndjson is the exact form, with the notices that visitors saw; csv is for looking at.
    """
    store = _state().store
    records = store.records(since=since, until=until)
    lines: Iterable[str] = exports.ndjson(records, store.notices()) if form == "ndjson" else exports.to_csv(records)
    try:
        output.writelines(lines)
    except StoreError as error:
        raise click.ClickException(f"{error}: {error.__cause__}") from None


def _state() -> State:
    try:
        return current.state()
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None


def _policy_of(info: ScriptInfo) -> Policy:
    with info.load_app().app_context():
        return _state().policy
