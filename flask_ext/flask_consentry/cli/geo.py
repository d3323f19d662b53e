"""``flask consent geo``: the database of regions that is in use, and a newer one from a file of the operator's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from consent import ConfigError
from consent.audience import embedded
from consent.audience.embedded import Source
from consent.audience.region import Database

from ..state import State
from .running import count, told, within


@click.group("geo")
def geo() -> None:
    """Show the database of regions, and build a newer one."""


@geo.command("build")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("consent-countries.mmdb"),
    show_default=True,
    help="Where to; a file that is there is replaced in one step.",
)
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Day of the data. Default: as FILE says.")
def build(file: Path, output: Path, day: datetime | None) -> None:
    """Build a database of countries from FILE: a larger database, or CSV with the ranges.

    A line of the CSV is "first address,last address,country" or "network,country".
    """
    with told():
        try:
            building = import_module("consent.audience.building")
        except ImportError:
            raise ConfigError("this needs mmdb-writer. Install flask-consentry[geo]") from None
        if output.exists() and output.samefile(file):
            raise click.UsageError("--output names the file that is read. Name another one")
        try:
            built = day.replace(tzinfo=UTC) if day else building.dated(file)
            about = f"Country of the network, built from {file.name} by flask consent geo build"
            done = building.build(building.ranges(file), output, built=built, about=about)
        except UnicodeDecodeError:
            raise ConfigError(f"{file} is neither a MaxMind database nor CSV in UTF-8") from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file} cannot be built from: {error}") from None
    click.echo(f"{output}: {count(done.networks, 'network')} of {done.countries} countries, of {built:%Y-%m-%d}.")
    click.echo(f'To use it: CONSENT_GEOIP_DATABASE = "{output.absolute()}". A site that uses it takes it by itself.')


@geo.command("status")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@within
def status(state: State, *, as_json: bool) -> None:
    """Show which database is in use, of which day it is, and what it cannot tell."""
    try:
        found = state.regions.open()
    except (OSError, ValueError, ImportError) as error:
        raise click.ClickException(f"the database of regions cannot be used: {type(error).__name__}: {error}") from None
    source = embedded.source() if found.path is None else None
    age = (state.clock().date() - found.built).days
    if as_json:
        click.echo(json.dumps(_described(found, source, age), indent=2))
    else:
        click.echo("\n".join(_told(found, source, age)))


def _told(found: Database, source: Source | None, age: int) -> Iterator[str]:
    yield f"database     {found.path or 'the countries that ship with the package'} ({found.kind})"
    yield f"date         {found.built}, {count(age, 'day')} ago"
    if source:
        yield f"networks     {source.networks}"
        yield f"source       {source.url} {source.version}"
        yield f"licence      {source.licence}, {source.licence_url}"
        yield f"say          {source.attribution}"
        yield from (f"limit        {limit}" for limit in source.limits)
    yield f"in records   {'no' if source else 'the country, as jurisdiction'}"


def _described(found: Database, source: Source | None, age: int) -> dict[str, object]:
    said: dict[str, object] = {
        "path": str(found.path) if found.path else None,
        "kind": found.kind,
        "date": found.built.isoformat(),
        "age_days": age,
        "jurisdiction": source is None,
    }
    if source:
        said |= {
            "networks": source.networks,
            "source": f"{source.url} {source.version}",
            "licence": source.licence,
            "attribution": source.attribution,
            "limits": source.limits,
        }
    return said
