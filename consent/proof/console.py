"""The command ``consentry``: what an auditor runs, offline, with nothing but an export and the site's public key.

It reads files and prints; every rule is :mod:`.verify`'s. Whatever happens ends in one line and an exit code, never in
a traceback.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from .errors import NoteError
from .heads import LONGEST_CHECKPOINT
from .note import VerifyingKey
from .parallel import cores
from .reading import limited, opened
from .report import plain, text
from .verdict import NotCheckedError, Reason, Report, Verdict
from .verify import verify

_INTERRUPTED = 130
_EXAMPLES = """\
examples:
  consentry verify export.ndjson --key site.pub
  consentry verify export.ndjson --key site.pub --checkpoint march.note --checkpoint june.note
  gunzip -c export.ndjson.gz | consentry verify - --key site.pub --json

Get the key from the site by another way than the export: from its privacy page, by letter,
by telephone. A checkpoint is a file of a few lines that "flask consent anchor" handed out
earlier and that somebody outside the site has kept.

exit codes:
  0  VALID        everything is what the site signed (PARTIAL: it is a selection)
  1  INVALID      something was added, changed or removed
  2  DIVERGED     not the log that an earlier checkpoint is of
  3  NOT CHECKED  no verdict: a file cannot be read, or does not belong to that key or log
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes end in 3, as 2 means DIVERGED."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Verdict.NOT_CHECKED.value, f"{self.prog}: {plain(message)}\n")


class _Version(argparse.Action):
    """Prints what is installed; looked up only then, since that takes longer than many a check."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib import metadata  # noqa: PLC0415

        sys.stdout.write(f"consentry {metadata.version('flask-consentry')}\n")
        parser.exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stream that somebody put in the place of the real one
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    given = _parser().parse_args(arguments)
    try:
        code, said = given.run(given)
    except KeyboardInterrupt:
        sys.stderr.write("consentry: interrupted, there is no verdict\n")
        return _INTERRUPTED
    return _written(said, code)


def _written(said: str, code: int) -> int:
    """Print *said*; returns *code*, or that of a verdict that nobody got."""
    try:
        sys.stdout.write(said)
        sys.stdout.flush()
    except OSError as error:
        # Python would try once more at the end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whoever closed a pipe has seen enough
            sys.stderr.write(f"consentry: the report cannot be written: {error.strerror}\n")
            return Verdict.NOT_CHECKED.value
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="consentry", description="Check what a site says about the consent it was given.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    checking = commands.add_parser(
        "verify",
        help="check an export of a consent ledger",
        description="Check an export of a consent ledger, offline: that it is what the site signed, whole, and the "
        "continuation of what the site signed before.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    checking.add_argument("export", metavar="EXPORT", help="the export, a file ending in .ndjson; - for standard input")
    checking.add_argument(
        "--key",
        metavar="PUB",
        action="append",
        required=True,
        help="the site's public key, or a file with it; may repeat",
    )
    checking.add_argument(
        "--checkpoint", metavar="OLD", action="append", default=[], help="an earlier checkpoint, a file; may repeat"
    )
    checking.add_argument("--json", action="store_true", help="print the report as JSON")
    checking.add_argument(
        "--jobs", metavar="N", type=_jobs, default=cores(), help="processes for a large file (default: all cores)"
    )
    checking.set_defaults(run=_verify)
    showing = commands.add_parser("show-key", help="print name and id of a public key, to compare it with the site's")
    showing.add_argument("key", metavar="PUB", help="a public key, or a file with it")
    showing.set_defaults(run=_show_key)
    return parser


def _jobs(written: str) -> int:
    number = int(written)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _verify(given: argparse.Namespace) -> tuple[int, str]:
    try:
        report = _checked(given)
    except NotCheckedError as error:
        report = Report(verdict=Verdict.NOT_CHECKED, reasons=(error.reason,))
    except MemoryError:
        reason = Reason(0, "memory does not suffice. Try --jobs 1, or a machine with more")
        report = Report(verdict=Verdict.NOT_CHECKED, reasons=(reason,))
    except Exception as error:  # noqa: BLE001  # a mistake in here must not end in 1, which means INVALID
        reason = Reason(0, f"the verifier itself failed, please report it: {type(error).__name__}: {error}")
        report = Report(verdict=Verdict.NOT_CHECKED, reasons=(reason,))
    if given.json:
        return report.exit_code, json.dumps(report.to_json(), indent=2).replace("\x7f", "\\u007f") + "\n"
    return report.exit_code, text(report)


def _checked(given: argparse.Namespace) -> Report:
    keys = [key for argument in given.key for key in _keys(argument)]
    checkpoints = {
        plain(path): limited(path, LONGEST_CHECKPOINT, f"the checkpoint {plain(path)}") for path in given.checkpoint
    }
    stdin: BinaryIO = sys.stdin.buffer if given.export == "-" else io.BytesIO()
    with opened(given.export, stdin) as source:
        return verify(source, keys, checkpoints, jobs=given.jobs)


def _show_key(given: argparse.Namespace) -> tuple[int, str]:
    try:
        keys = _keys(given.key)
    except NotCheckedError as error:
        return Verdict.NOT_CHECKED.value, f"{plain(str(error))}\n"
    return 0, "".join(f"log  {plain(key.name)}\nid   {key.id}\nkey  {plain(key.encode())}\n" for key in keys)


def _keys(argument: str) -> list[VerifyingKey]:
    """The keys that *argument* is, or that stand in the file of that name, one a line.

    :raises NotCheckedError: there are none.
    """
    try:
        return [VerifyingKey.parse(argument)]
    except NoteError as error:
        if argument.startswith("PRIVATE+KEY+") or not _is_file(argument):
            raise NotCheckedError(f"--key is neither a public key nor a file with one: {error}") from None
    what = f"the key file {plain(argument)}"
    try:
        written = limited(argument, LONGEST_CHECKPOINT, what).decode("utf-8-sig").split("\n")
        keys = [VerifyingKey.parse(line) for line in written if line.strip() and not line.startswith("#")]
    except (NoteError, UnicodeDecodeError) as error:
        reason = "not a text" if isinstance(error, UnicodeDecodeError) else error
        raise NotCheckedError(f"{what}: {reason}") from None
    if not keys:
        raise NotCheckedError(f"{what} is empty")
    return keys


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).exists()
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main())
