"""A document while it is edited: its text, what an element in it says, and the edits to cut into it.

Elements are turbohtml's, of a tree whose offsets are those of the text. What is written back is always ASCII, with
character references, so that it reads the same in every encoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from turbohtml import parse

from . import elements
from .addresses import Base
from .encodings import Reading
from .found import Found
from .reach import Reach

#: What a renamed attribute begins with; the attribute's own name follows.
INERT = "data-consentry-"

#: Makes the HTML of a placeholder for what was found, the number of it on its page given; nothing: leave it inert.
StandIn = Callable[[Found, int], str | None]
#: Is told of each origin that was held back, and the CSP directive that the load would have come under.
Note = Callable[[str, str], None]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_TAG_NAME = re.compile(r"<([^\s/>]+)")
_PIXELS = re.compile(r"\s*(\d{1,5})\s*(?:px)?\s*")


def no_stand_in(_found: Found, _number: int) -> None:
    """No placeholder."""


def no_note(_origin: str, _directive: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Source:
    """A page, or a document inside one.

    :param text: What is edited.
    :param views: What is parsed, once each: of the length of *text*.
    :param base: What relative addresses start from, before any ``<base>``.
    :param charset: Encoding in which bytes read one by one are to be understood; ``None`` if they were read well.
    :param depth: 0 for the page itself.
    """

    text: str
    views: tuple[str, ...]
    base: Base
    charset: str | None
    reach: Reach
    stand_in: StandIn
    note: Note
    depth: int

    @classmethod
    def of(
        cls, reading: Reading, *, base: Base, reach: Reach, stand_in: StandIn, note: Note = no_note, depth: int = 0
    ) -> Source:
        """A source to edit *reading*."""
        # Parsers count CR LF as one character. As two LF it means the same in HTML and keeps every offset.
        views = tuple(view.replace("\r\n", "\n\n") if "\r" in view else view for view in reading.views)
        return cls(reading.text, views, base, reading.charset, reach, stand_in, note, depth)

    def below(self, reading: Reading, *, base: Base | None = None) -> Source:
        """A document inside this one, in which no placeholder can stand."""
        return Source.of(
            reading,
            base=base or self.base,
            reach=self.reach,
            stand_in=no_stand_in,
            note=self.note,
            depth=self.depth + 1,
        )

    def start_tag(self, element: Any) -> str:
        """The start tag of *element* as it was written; empty if it was not."""
        location = element.source_location
        return "" if location is None else self.text[location.start_tag.start_offset : location.start_tag.end_offset]

    def value(self, element: Any, name: str) -> str:
        """An attribute's value in the page's own character encoding."""
        value = elements.text(element.attrs.get(name, ""))
        if value.isascii() or self.charset is None:
            return value
        location = element.source_location
        if location is None or name not in location.attrs:
            return value
        span = location.attrs[name]
        written = self.understood(self.text[span.start_offset : span.end_offset])
        found = parse(f"<a {written}>").select_one("a")
        return elements.text(next(iter(found.attrs.values()), "")) if found is not None else value

    def with_scheme(self, element: Any, name: str) -> str:
        """An attribute as it was written, its address completed by ``https:``; empty if it was not written so."""
        location = element.source_location
        if location is None or name not in location.attrs:
            return ""
        span = location.attrs[name]
        return self.text[span.start_offset : span.end_offset].replace("//", "https://", 1)

    def understood(self, text: str) -> str:
        """A part of the text as the characters that it means."""
        # The parser writes U+FFFD for NUL.
        return text if self.charset is None else text.encode("latin-1", "replace").decode(self.charset, "replace")


@dataclass(slots=True)
class Edits:
    """Replacements of parts of a source, by where they begin."""

    made: dict[int, tuple[int, str]] = field(default_factory=dict)
    placeholders: int = 0

    def add(self, start: int, end: int, text: str) -> None:
        """Replace what stands from *start* to *end*; of two that begin alike the longer one counts."""
        if start not in self.made or self.made[start][0] < end:
            self.made[start] = (end, text)

    def rename(
        self,
        source: Source,
        element: Any,
        names: set[str],
        written: Mapping[str, str] = _NOTHING,
        *,
        stops: bool = True,
    ) -> None:
        """Write the start tag of *element* anew, with *names* renamed; a script gets a type that nothing runs.

        :param written: Attributes to write otherwise, name and value, by name.
        :param stops: Whether a script is to stop.
        """
        location = element.source_location
        if location is None:
            return
        tag, text = location.start_tag, source.text
        start, end = tag.start_offset, tag.end_offset
        name = _TAG_NAME.match(text, start, end)
        if name is None or start in self.made:
            return
        parts = [name[0]]
        if element.tag == "script" and stops:
            parts.append('type="text/plain"')
            names = names | {"type"}
        last = start
        # In the order of the source; of two attributes of one name browsers, and this map, know the first only.
        for attribute, span in location.attrs.items():
            begin, last = span.start_offset, span.end_offset
            kept = written.get(attribute) or text[begin:last]
            parts.append(INERT + kept if attribute in names else kept)
        self.add(start, end, " ".join(parts) + (" />" if text.endswith("/>", start, end) and last <= end - 2 else ">"))

    def apply(self, text: str) -> tuple[str, bool]:
        """The edited text, and whether two edits overlap: then only the first was made."""
        parts, at, conflict = [], 0, False
        for start, (end, replacement) in sorted(self.made.items()):
            if start < at:
                conflict = conflict or end > at
                continue
            parts += [text[at:start], replacement]
            at = end
        return "".join([*parts, text[at:]]), conflict


def pixels(element: Any, name: str) -> int | None:
    """A length in CSS pixels, where an attribute gives one."""
    found = _PIXELS.fullmatch(elements.text(element.attrs.get(name, "")))
    return int(found[1]) if found else None


def ascii_only(text: str) -> str:
    """HTML that reads the same in every character encoding."""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
