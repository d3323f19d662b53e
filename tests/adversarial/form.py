"""What a form is, and the words in it.

``FORM`` stands for the form's own name, in a path or a host, so that whoever is asked knows by which form; ``PORT`` for
the port of everybody else on 127.0.0.1.
"""

from __future__ import annotations

from dataclasses import dataclass

#: An address of the tracker, and the same with its host in the letters of another part of Unicode.
URL = "http://tracker.test/FORM"
WIDE = "http://ｔｒａｃｋｅｒ.test/FORM"
#: What only secure addresses can do.
SAFE = "https://tracker.test/FORM"
#: One that is only connected to, by a host that names the form.
HINT = "https://FORM.tracker.test/"

#: Why the wall alone stops a form.
CSS = "styles are the wall's business"
CODE = "inline scripts are the wall's business"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form.

    :param name: Small letters, digits and ``-``.
    :param markup: What stands in the body, or the whole document.
    :param whole: Whether *markup* is the whole document.
    :param encoding: By which it becomes bytes.
    :param charset: What the media type says about that; ``None``: nothing.
    :param media: The media type, without parameters; empty: none is sent.
    :param wall: Why the wall alone (the policy header) stops it, as styles and inline scripts are none of the HTML gate's
        business; empty for most.
    """

    name: str
    markup: str
    whole: bool = False
    encoding: str = "utf-8"
    charset: str | None = "utf-8"
    media: str = "text/html"
    wall: str = ""

    @property
    def content_type(self) -> str:
        """The ``Content-Type`` to serve it with; empty: none."""
        return self.media if self.charset is None else f"{self.media}; charset={self.charset}"

    def page(self, *, port: int) -> bytes:
        """The page, as served."""
        body = self.markup.replace("FORM", self.name).replace("PORT", str(port))
        head = "<!doctype html><html><head><title>A form</title></head><body>"
        whole = body if self.whole else f"{head}{body}</body></html>"
        return whole.encode(self.encoding)


def form(name: str, markup: str, *, wall: str = "") -> Form:
    """A form in the body of a page."""
    return Form(name=name, markup=markup, wall=wall)


def whole(name: str, markup: str) -> Form:
    """A form that is a whole page."""
    return Form(name=name, markup=markup, whole=True)
