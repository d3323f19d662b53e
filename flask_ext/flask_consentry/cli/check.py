"""``flask consent check``: is the policy right, and what in it is worth a second look?"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import ScriptInfo

from consent import NECESSARY, ConsentError, Policy
from consent import policy as policies

from . import application


@click.command("check")
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
    for service in (policy.services[one] for one in policy.services_of[NECESSARY]):
        where = f" (on {', '.join(service.routes)})" if service.routes else ""
        click.echo(f"necessary: {service.id}{where}: {service.reason or 'no reason written'}")
    counts = f"{len(policy.purposes)} purposes, {len(policy.services)} services, {len(policy.cookies)} cookies"
    click.echo(f"{policy.site}: {counts}, languages {', '.join(policy.languages)}, revision {policy.revision}")
    click.echo("The policy is valid" + (f", with {len(warnings)} warnings." if warnings else "."))
    if warnings and strict:
        sys.exit(1)


def _policy_of(info: ScriptInfo) -> Policy:
    with info.load_app().app_context():
        return application.state().policy
