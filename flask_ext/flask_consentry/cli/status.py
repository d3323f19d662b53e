"""``flask consent status``: is the record well? For people, and for monitoring by its exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime

import click

from .. import condition
from ..condition import Condition
from ..state import State
from .running import count, within

_WORDS = ("fine", "warning", "broken")


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@within
def status(state: State, *, as_json: bool) -> None:
    """Tell what waits, what is signed and what is wrong.

    Exits with 0 if all is fine, 1 if something should be looked at, 2 if something is broken.
    """
    found = condition.look(state)
    problems, warnings = list(found.problems()), list(found.warnings())
    code = 2 if problems else 1 if warnings else 0
    revoked = state.ledger.store.count_revocations() if found.log else None
    if as_json:
        said = _described(found) | {"revocations": revoked, "problems": problems, "warnings": warnings}
        click.echo(json.dumps({"status": _WORDS[code]} | said, indent=2))
    else:
        for problem in problems:
            click.echo(f"broken: {problem}")
        for warning in warnings:
            click.echo(f"warning: {warning}")
        click.echo("\n".join(_told(found, revoked)))
    sys.exit(code)


def _told(found: Condition, revoked: int | None) -> Iterator[str]:
    versions = "cannot be read" if found.schema is None else ", ".join(found.schema) or "no tables yet"
    yield f"store        {found.engine}, {found.store} ({versions})"
    log = found.log
    if log is None:
        yield "log          not begun" if found.reachable else "log          cannot be read"
    else:
        waits = f", the longest for {found.waiting.total_seconds():.0f} s" if log.pending else ""
        yield f"waiting      {count(log.pending, 'record')}{waits}"
        yield f"log          {count(log.size, 'entry')}"
        yield f"checkpoint   {_signed(found)}"
        yield f"lag          {count(found.lag, 'record')} and entries that no checkpoint covers"
        yield f"anchored     {_anchored(found)}"
        yield f"revocations  {revoked}"
    if found.spool:
        spool = found.spool
        waits = f", the longest for {found.spooled.total_seconds():.0f} s" if spool.rows else ""
        size = f"{spool.bytes / 2**20:.1f} of {spool.cap / 2**20:.0f} MiB"
        yield f"spool        {count(spool.rows, 'answer')}{waits}, {spool.refused} set aside, {size}"
    else:
        yield "spool        cannot be used"
    keys = "cannot be read" if found.keys is None else ", ".join(found.keys) or "none"
    yield f"keys         {keys} (in {found.key_source})"


def _signed(found: Condition) -> str:
    log = found.log
    if not log or not log.signed_at:
        return "none"
    by = ", ".join(found.signed_by)
    return f"of {count(log.checkpoint_size, 'entry')}, signed {_ago(found, log.signed_at)} by {by}"


def _anchored(found: Condition) -> str:
    log = found.log
    if not log or not log.anchored_at or log.anchored_size is None:
        return "never: nobody outside could show that the log was rewritten. See: flask consent anchor --help"
    return f"{_ago(found, log.anchored_at)}, of {count(log.anchored_size, 'entry')}"


def _ago(found: Condition, moment: datetime) -> str:
    seconds = max(0, int((found.now - moment).total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{count(seconds // size, unit)} ago"
    return f"{count(seconds, 'second')} ago"


def _described(found: Condition) -> dict[str, object]:
    log, spool = found.log, found.spool
    return {
        "store": {"engine": found.engine, "name": found.store, "reachable": found.reachable, "schema": found.schema},
        "log": log
        and {
            "size": log.size,
            "pending": log.pending,
            "waiting_seconds": found.waiting.total_seconds(),
            "lag": found.lag,
            "checkpoint_size": log.checkpoint_size,
            "signed_at": _iso(log.signed_at),
            "signed_by": found.signed_by,
            "anchored": found.is_anchored,
            "anchored_size": log.anchored_size,
            "anchored_at": _iso(log.anchored_at),
        },
        "spool": spool
        and {
            "rows": spool.rows,
            "refused": spool.refused,
            "bytes": spool.bytes,
            "cap": spool.cap,
            "waiting_seconds": found.spooled.total_seconds(),
        },
        "keys": {"source": found.key_source, "ids": found.keys},
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
