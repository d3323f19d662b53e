"""What is handed to the store to keep: a record with all that belongs to it, complete enough to wait elsewhere."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from datetime import datetime

from . import body
from .record import Record


@dataclass(frozen=True, slots=True)
class Submission:
    """What tells a repeated submission from a new answer: *request* is the same for both, *before* is not.

    :param request: Hash of the form's own key and the answer in it.
    :param before: Hash of the receipt that the visitor held when answering.
    """

    request: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNotice:
    """The words that a record refers to, kept once.

    :param digest: SHA-256 of *text*, hexadecimal.
    :param text: Canonical JSON of what was said.
    :param html: As visitors saw it, without what differs between two of them.
    """

    digest: str
    language: str
    revision: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """That receipts of one subject count no more.

    :param subject: 16 bytes.
    :param not_before: Receipts that begin earlier are void; aware.
    :param until: When none could count any more, so that this may be forgotten; aware.
    :param erased: Whether the subject's records have to go, too, those that come in later included.
    """

    subject: bytes
    not_before: datetime
    until: datetime
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer to keep.

    :param record: Without :attr:`~.record.Record.supersedes`, which the store fills in.
    :param salt: 32 random bytes of its own.
    :param unchanged: Whether the answer changes nothing: then it repeats what was kept for the same request, whatever
        receipt was held.
    :param first: Whether the subject is new, so that no earlier record of it need be looked for.
    :param notice: The words that were shown, if known.
    :param revokes: What the answer ends.
    """

    record: Record
    salt: bytes
    submission: Submission
    unchanged: bool = False
    first: bool = False
    notice: KeptNotice | None = None
    revokes: Revocation | None = None

    def to_json(self) -> str:
        """All of it but the notice, which many entries share."""
        revokes = None
        if self.revokes:
            revokes = asdict(self.revokes) | {
                "subject": self.revokes.subject.hex(),
                "not_before": self.revokes.not_before.isoformat(),
                "until": self.revokes.until.isoformat(),
            }
        return json.dumps(
            {
                "record": body.plain(self.record),
                "salt": b64encode(self.salt).decode(),
                "submission": asdict(self.submission),
                "unchanged": self.unchanged,
                "first": self.first,
                "revokes": revokes,
            }
        )

    @classmethod
    def from_json(cls, text: str, notice: KeptNotice | None = None) -> Entry:
        """The entry of :meth:`to_json`.

        :raises ValueError: *text* is none.
        """
        try:
            said = json.loads(text)
            revokes = said["revokes"]
            return cls(
                record=body.read(said["record"]),
                salt=b64decode(said["salt"]),
                submission=Submission(**said["submission"]),
                unchanged=said["unchanged"],
                first=said["first"],
                notice=notice,
                revokes=revokes
                and Revocation(
                    subject=bytes.fromhex(revokes["subject"]),
                    not_before=datetime.fromisoformat(revokes["not_before"]),
                    until=datetime.fromisoformat(revokes["until"]),
                    erased=revokes["erased"],
                ),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("not an entry") from error
