"""What a browser takes a response for, by its ``Content-Type``.

Sources: MIME Sniffing §5 (unknown types), Fetch §3.6 (``nosniff``) and "extract a MIME type" (of a list, the last that
can be read counts).
"""

from __future__ import annotations

_PAGE = "text/html"
_DOCUMENTS = (_PAGE, "application/xhtml+xml")
#: Types with which a browser looks into the content, and may find HTML.
_UNKNOWN = frozenset({"unknown/unknown", "application/unknown", "*/*"})


def is_page(content_type: str) -> bool:
    """Whether it may be shown as HTML; *content_type* in small letters. Of a list, one is enough."""
    return content_type.startswith(_PAGE) or any(one.startswith(_PAGE) for one in _listed(content_type))


def is_document(content_type: str) -> bool:
    """Whether it may be shown as HTML or XHTML."""
    return content_type.startswith(_DOCUMENTS) or any(one.startswith(_DOCUMENTS) for one in _listed(content_type))


def is_guessed(content_type: str) -> bool:
    """Whether a browser would look into the content to find out what it is."""
    essence = content_type.partition(";")[0].rpartition(",")[2].strip()
    return "/" not in essence or essence in _UNKNOWN


def _listed(content_type: str) -> list[str]:
    return [one.strip() for one in content_type.split(",")]
