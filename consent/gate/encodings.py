"""How the bytes of a page are read: as characters whose positions can be edited, and undone byte for byte.

In every encoding that browsers accept but UTF-16 and ISO-2022-JP, ASCII bytes mean ASCII characters wherever markup is
concerned, so such a page is read byte by byte: nothing can be lost, whatever stands in it.

Source: WHATWG Encoding Standard §4.2 (names and labels), §12.2 (ISO-2022-JP); HTML §13.2.3.2 (the encoding of a page).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
#: Labels that browsers know and Python does not, or understands otherwise.
_LABELS = {
    **dict.fromkeys(("csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff", "utf-16"), "utf-16-le"),
    **dict.fromkeys(("utf-16le",), "utf-16-le"),
    **dict.fromkeys(("unicodefffe", "utf-16be"), "utf-16-be"),
    **dict.fromkeys(("csiso2022jp", "iso-2022-jp"), "iso2022_jp"),
    **dict.fromkeys(("ascii", "us-ascii", "latin1", "l1", "iso-8859-1", "iso8859-1", "x-cp1252"), "cp1252"),
    **dict.fromkeys(("unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("shift_jis", "sjis", "x-sjis", "ms_kanji", "windows-31j", "csshiftjis"), "cp932"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "chinese", "csgb2312"), "gb18030"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean", "windows-949"), "cp949"),
}
#: Encodings of Python's in which ASCII bytes are not ASCII characters; browsers have none of them.
_FOREIGN = re.compile(r"utf-?7|utf-?32|cp0?37|cp[15]\d\d\b|cp1026|cp1140|idna|punycode|unicode_escape|raw_unicode")
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_PRESCAN = 1024
#: ISO-2022-JP: from an escape to Japanese characters up to the next escape no byte means a character of ASCII.
_KANJI = re.compile(r"\x1b(?:\$[@B]|\(I)([^\x1b]*)")
#: What a decoder drops, in the middle of a tag as well: an escape to ASCII that follows no Japanese character.
_IDLE = re.compile(r"(?<!\x80)\x1b\([BJ]")
_TAG = re.compile(r"<[^<>]*>")
#: Halves of a pair of UTF-16, which decoders replace.
_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A page as text.

    :param text: Its characters; ``write`` undoes it exactly.
    :param views: The same for a parser, once for each way to understand it: of the same length, without what only looks
        like markup.
    :param codec: Python's name of the codec that was used.
    :param charset: The encoding in which bytes read one by one are to be understood; ``None`` if they were read well.
    :param tail: Bytes at the end that are no whole character.
    """

    text: str
    views: tuple[str, ...]
    codec: str
    charset: str | None
    tail: bytes = b""

    @classmethod
    def of_text(cls, text: str, charset: str | None = None) -> Reading:
        """Text that was read already; it cannot be written."""
        return cls(text, (text,), "", charset)

    def write(self, text: str) -> bytes:
        """An edited text as bytes."""
        return text.encode(self.codec, "strict" if self.charset else "surrogatepass") + self.tail


def read(page: bytes, charset: str | None) -> Reading:
    """*page* as text, whatever stands in it.

    :param charset: The ``charset`` of the media type, where one is given.
    """
    label = next((name for mark, name in _MARKS if page.startswith(mark)), None) or _codec(charset) or _declared(page)
    if label in ("utf-16-le", "utf-16-be"):
        whole = len(page) // 2 * 2
        try:
            text = page[:whole].decode(label, "surrogatepass")
        except UnicodeDecodeError:  # half a pair at the very end
            whole -= 2
            text = page[:whole].decode(label, "surrogatepass")
        return Reading(text, (_HALVES.sub("\ufffd", text),), label, None, page[whole:])
    text = page.decode("latin-1")
    if label not in (None, "iso2022_jp") or b"\x1b" not in page:
        return Reading(text, (text,), "latin-1", label or "utf-8")
    # Browsers find out by themselves that an unlabelled page is in ISO-2022-JP.
    kept, at = [], 0
    for start, end in (span for tag in _TAG.finditer(_masked(text)) for span in _idle(tag)):
        kept.append(text[at:start])
        at = end
    text = "".join([*kept, text[at:]])
    return Reading(text, (_masked(text),) if label else (_masked(text), text), "latin-1", label or "utf-8")


def _masked(text: str) -> str:
    """*text*, of the same length, without what is markup to readers of bytes only."""
    return _KANJI.sub(lambda found: "\x80" * len(found[0]), text)


def _idle(tag: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Where escapes stand in *tag* that switch nothing."""
    for found in _IDLE.finditer(tag[0]):
        yield tag.start() + found.start(), tag.start() + found.end()


def _declared(page: bytes) -> str | None:
    found = _META.search(page[:_PRESCAN])
    label = _codec(found[1].decode("ascii")) if found else None
    return "utf-8" if label in ("utf-16-le", "utf-16-be") else label


@lru_cache(maxsize=64)
def _codec(label: str | None) -> str | None:
    """Python's name of the encoding that browsers mean by *label*; ``None`` if they know none."""
    if not label:
        return None
    label = label.strip(" \t\n\r\f\"'").lower()
    if label in _LABELS:
        return _LABELS[label]
    if _FOREIGN.match(label):
        return None
    try:
        "".encode(label)  # refuses rot13 and the like
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    # Python has more names for these than browsers, which read such a page as something else.
    return None if name.startswith(("utf-16", "utf-32", "utf-7", "iso2022")) else name
