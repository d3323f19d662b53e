"""Markup by which a browser fetches or connects though a careless rewriter would not see it. Data only.

Whether a browser fetches by a form is not written here: the browser tests measure it.

Sources: HTML §13.2 (parsing), §2.4 (URLs in markup), §4.6.7 (link types); WHATWG URL §4.4, Encoding §4.2; MIME Sniffing
§7; the research notes of this project on rewriters; Chromium's html_preload_scanner.cc, which reads tags and no tree.
"""

from __future__ import annotations

from .charsets import CHARSETS, MEDIA
from .documents import DOCUMENTS
from .elements import ELEMENTS
from .form import Form
from .places import BASES, PLACES
from .writing import ADDRESSES, TAGS

FORMS = ADDRESSES + TAGS + PLACES + ELEMENTS + BASES + DOCUMENTS + CHARSETS + MEDIA

__all__ = ["FORMS", "Form"]
