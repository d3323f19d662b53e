"""The HTML gate: what it makes inert, what it leaves alone, and that it changes not one other byte."""

from __future__ import annotations

import time

import pytest

from consent import policy
from consent.gate import codings
from consent.gate.addresses import Base, elsewhere
from consent.gate.found import Found
from consent.gate.html import HtmlGate
from consent.policy import Opens

POLICY = policy.parse(
    """
site = "meadow"

[purposes.social]
[purposes.statistics]

[services.video]
purpose = "social"
name = "Video"
opens = "frame"
hosts = { frame-src = ["https://video.example", "https://*.video.example"] }

[services.posts]
purpose = "social"
name = "Posts"
opens = "widget"
hosts = { script-src = ["https://posts.example"] }
embedding = { markers = ["blockquote.post"], script = "https://posts.example/w.js" }

[services.counter]
purpose = "statistics"
name = "Counter"
hosts = { script-src = ["https://count.example"], img-src = ["https://count.example"] }

[services.fonts]
purpose = "necessary"
name = "Fonts"
reason = "The site's letters."
hosts = { style-src = ["https://fonts.example"] }
"""
)
NECESSARY = frozenset({"fonts"})
GATE = HtmlGate(POLICY)
BASE = Base.of_page("https", "meadow.example")


def rewrite(page: str | bytes, *granted: str, charset: str | None = "utf-8") -> str:
    """The page as it leaves, with a short stand-in for each placeholder."""
    raw = page.encode() if isinstance(page, str) else page
    made = GATE.rewrite(raw, base=BASE, services=NECESSARY | set(granted), charset=charset, stand_in=stand_in)
    return made.decode("utf-8", "surrogateescape")


def stand_in(found: Found, number: int) -> str:
    return f"[{number} {found.kind} {found.service} {found.src} {found.title} {found.width}x{found.height}]"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<script src=//t.example/x async></script>", '<script type="text/plain" data-consentry-src=//t.example/x async></script>'),
        (
            "<script type=module src='https://t.example/x'></script>",
            "<script type=\"text/plain\" data-consentry-type=module data-consentry-src='https://t.example/x'></script>",
        ),
        ('<img alt=a src="https://t.example/p.gif">', '<img alt=a data-consentry-src="https://t.example/p.gif">'),
        ("<img src=/own.png srcset='https://t.example/a 2x'>", "<img src=/own.png data-consentry-srcset='https://t.example/a 2x'>"),
        ("<link rel=preconnect href=https://t.example>", "<link data-consentry-rel=preconnect href=https://t.example>"),
        ("<a href=/x ping='https://t.example/ping'>x</a>", "<a href=/x data-consentry-ping='https://t.example/ping'>x</a>"),
        ("<iframe src=https://t.example/></iframe>", "<iframe data-consentry-src=https://t.example/></iframe>"),
        ("<svg><image href=https://t.example/x /></svg>", "<svg><image data-consentry-href=https://t.example/x /></svg>"),
        (
            "<meta http-equiv=refresh content='0; url=https://t.example'>",
            "<meta data-consentry-http-equiv=refresh content='0; url=https://t.example'>",
        ),
        (
            "<script type=speculationrules>{\"prefetch\": [{\"urls\": [\"https://t.example/\"]}]}</script>",
            '<script type="text/plain" data-consentry-type=speculationrules>{"prefetch": [{"urls": ["https://t.example/"]}]}</script>',
        ),
        ("<img src=//t.example/1 src=//t.example/2>", "<img data-consentry-src=//t.example/1>"),
        (
            '<iframe srcdoc="&lt;img src=//t.example/>&quot;é"></iframe>',
            '<iframe srcdoc="&lt;img data-consentry-src=//t.example/&gt;&quot;&#233;"></iframe>',
        ),
        ("<base href=//t.example><img src=x>", "<base href=//t.example><img data-consentry-src=x>"),
        ("<noscript><img src=//t.example/p></noscript>", "<noscript><img data-consentry-src=//t.example/p></noscript>"),
        ("<template><img src=//t.example/p></template>", "<template><img data-consentry-src=//t.example/p></template>"),
    ],
)  # fmt: skip
def test_what_loads_from_elsewhere_becomes_inert(page: str, expected: str) -> None:
    """Only what makes the browser load is renamed; the start tag keeps its other attributes as they were written."""
    assert rewrite(page) == expected


@pytest.mark.parametrize(
    "page",
    [
        "<img src=/a.png><img src=a.png><img src='?x:y'><img src=''><img src='./a:b'><img src=https://meadow.example/x>",
        "<img src='bilder/Größe 1.png'><img src='https://meadow.example:443/x'><img src='data:image/gif;base64,R0lG'>",
        "<link rel=stylesheet href=https://fonts.example/a.css><link rel=canonical href=https://other.example/>",
        "<a href=https://t.example/>link</a><form action=https://t.example/></form>",
        "<textarea><img src=https://t.example/></textarea><!-- <script src=//t.example></script> -->",
        "<style>a{background:url(//t.example/x)}</style><script>'<img src=//t.example/>'</script>",
        "<xmp><img src=//t.example></xmp><title><img src=//t.example></title><p title='<img src=//t.example>'>",
        "<meta http-equiv=refresh content='5'><meta http-equiv=refresh content='0;url=/next'>",
        "<script type=speculationrules>{\"prefetch\": [{\"urls\": [\"/next\"]}]}</script>",
        "<iframe src='about:blank'></iframe><iframe src='javascript:1'></iframe><iframe srcdoc='<b>x</b>'></iframe>",
        "<script type=speculationrules>{\"prerender\": [{\"where\": {\"href_matches\": \"/*\"}}]}</script>",
        "<object data='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:i=\"http://www.inkscape.org/i\"/>'></object>",
        "<link rel=pingback href=https://other.example/><link rel=alternate hreflang=de href=https://other.example/>",
        "<img src='http://['><input type=text value=//t.example><script>x</script><base href=/deep/><img src=../x>",
    ],
)  # fmt: skip
def test_what_stays_at_home_stays_as_it_is(page: str) -> None:
    """A page without anything to hold back comes out as the very same bytes."""
    raw = page.encode()
    assert GATE.rewrite(raw, base=BASE, services=NECESSARY, charset="utf-8") is raw


def test_a_grant_lets_a_service_through_and_no_other() -> None:
    """What is granted keeps its markup; what is not, beside it, does not."""
    page = "<script src=https://count.example/c.js></script><script src=https://t.example/c.js></script>"
    assert "<script src=https://count.example/c.js>" in rewrite(page, "counter")
    assert "data-consentry-src=https://t.example/c.js" in rewrite(page, "counter")


def test_a_declared_frame_becomes_a_placeholder() -> None:
    """A frame of a service that is not granted is replaced as a whole, with its title and size."""
    page = "<p>a<iframe title='Fjörd' width=400 height='300' src='//www.video.example/e'>no</iframe>b"
    assert rewrite(page) == "<p>a[1 frame video https://www.video.example/e Fj&#246;rd 400x300]b"
    assert rewrite(page, "video") == page


def test_over_http_an_address_without_a_scheme_is_completed() -> None:
    """Declared hosts are https ones; what is granted loads from there on a page over HTTP as well."""
    base = Base.of_page("http", "meadow.example")
    page = b"<script src='//count.example/c.js' async></script><iframe src=//video.example/e></iframe><img src=//t.example>"
    services = NECESSARY | {"counter"}
    made = GATE.rewrite(page, base=base, services=services, charset="utf-8", stand_in=stand_in).decode()
    assert "<script src='https://count.example/c.js' async>" in made
    assert "[1 frame video https://video.example/e " in made
    assert "<img data-consentry-src=//t.example>" in made
    made = GATE.rewrite(page, base=base, services=services | {"video"}, charset="utf-8").decode()
    assert "<iframe src=https://video.example/e>" in made


def test_a_widget_becomes_a_placeholder() -> None:
    """The place in which a vendor script would draw is replaced, and the script does not run."""
    page = '<blockquote class="a post">x <a href=https://posts.example/1>y</a></blockquote><script src=https://posts.example/w.js></script>'
    made = rewrite(page)
    assert made.startswith("[1 widget posts https://posts.example/w.js")
    assert 'type="text/plain"' in made
    assert rewrite(page, "posts") == page


@pytest.mark.parametrize("around", ["<form>{}</form>", "<template>{}</template>", "<svg>{}</svg>", "{}"])
def test_where_a_form_cannot_stand_a_frame_is_inert(around: str) -> None:
    """A placeholder holds a form; where the parser would take one apart, or the frame is not closed, there is none."""
    frame = "<iframe src=https://video.example/></iframe>" if around != "{}" else "<iframe src=https://video.example/>"
    assert rewrite(around.format(frame)) == around.format(frame.replace("src", "data-consentry-src"))


@pytest.mark.parametrize(
    "url",
    [
        " https://t.example/", "http:\\\\t.example/x", "/\\t.example", "\\\\t.example", "//t.example", "ht\ntps://t.example",
        "https://t%2eexample/", "https:&#x2f;/t.example", "https&colon;//t.example", "https://ｔ.example", "https://t。example",
        "HTTPS://T.EXAMPLE/", "https://t.example./", "https://meadow.example@t.example/", "https://t.example:8443/",
        "&Tab;//t.example", "/&NewLine;/t.example", "https:\t//t.example", "http://2130706433/", "http://[::1]/",
        "https://meadow.example.t.example/", "https://meadow.example:444/",
    ],
)  # fmt: skip
def test_urls_are_read_as_browsers_read_them(url: str) -> None:
    """However an address elsewhere is written, it is recognised."""
    assert "data-consentry-src=" in rewrite(f'<img src="{url}">')


def test_who_runs_scripts_and_who_does_not_read_a_page_differently() -> None:
    """What only one of two readings of a page sees is held back as well."""
    page = "<noscript><p title='</noscript><img src=//t.example/1>'></p><img src=//t.example/2></noscript>"
    made = rewrite(page)
    assert made.count("data-consentry-src") == 2
    swapped = "<noscript><base href=/></noscript><base href=//t.example><img src=x>"
    assert "data-consentry-src=x" in rewrite(swapped)


def test_the_tree_is_the_browsers_own() -> None:
    """In SVG a style holds elements, in HTML text."""
    assert "data-consentry" in rewrite("<svg><style><img src=//t.example></style></svg>")
    assert "data-consentry" not in rewrite("<style><img src=//t.example></style>")


def test_documents_in_documents() -> None:
    """A hint hides neither in a data: document nor in srcdoc inside srcdoc, however deep."""
    assert "data-consentry-src" in rewrite(
        "<iframe src='data:text/html,<link rel=preconnect href=https://t.example>'></iframe>"
    )
    encoded = "PGltZyBzcmM9Ly90LmV4YW1wbGU+PGltZyBzcmM9aHR0cHM6Ly90LmV4YW1wbGU+"
    assert "data-consentry-src" in rewrite(f"<iframe src='data:text/html;base64,{encoded}'></iframe>")
    deep = "<img src=https://t.example>"
    for _ in range(6):
        deep = '<iframe srcdoc="' + deep.replace("&", "&amp;").replace('"', "&quot;") + '"></iframe>'
    assert "https://t.example" not in rewrite(deep).replace("&amp;", "&").replace(
        "data-consentry-src=https://t.example", ""
    )


@pytest.mark.parametrize("charset", ["utf-8", "windows-1252", "shift_jis", "gb18030", "euc-kr", None])
def test_other_encodings_lose_nothing(charset: str | None) -> None:
    """Bytes that are not UTF-8 stay; a host in another encoding is understood."""
    page = b"<p>\xe9\x81\x40\xff\xfe<img alt='\xe9\x5c' src=//t.example/x>\xe9"
    made = GATE.rewrite(page, base=BASE, services=NECESSARY, charset=charset)
    assert made == page.replace(b" src", b" data-consentry-src")


def test_utf_16_is_rewritten_too() -> None:
    """A page in UTF-16 is read as such, and written so."""
    page = "\ufeff<p>Größe 😀<img src=//t.example/x>".encode("utf-16-le")
    made = GATE.rewrite(page, base=BASE, services=NECESSARY)
    assert made.decode("utf-16-le") == "\ufeff<p>Größe 😀<img data-consentry-src=//t.example/x>"


@pytest.mark.parametrize("label", ["unicode", "ucs-2", "UTF-16LE", "utf-16", "csunicode"])
def test_utf_16_has_many_names(label: str) -> None:
    """A page is UTF-16 under each label that browsers know; half a character at its end stays."""
    page = "<img src=//t.example/x>".encode("utf-16-le") + b"\xd8"
    made = GATE.rewrite(page, base=BASE, services=NECESSARY, charset=label)
    assert made == "<img data-consentry-src=//t.example/x>".encode("utf-16-le") + b"\xd8"


@pytest.mark.parametrize(
    "label",
    ["utf-7", "utf-32", "utf_16_le", "iso2022jp", "cp037", "rot13", "hex", "base64", "idna", "nonsense", " ", "\0"],
)
def test_labels_that_browsers_do_not_know_are_ignored(label: str) -> None:
    """What only Python takes for an encoding does not hide a page."""
    page = "é<img alt=é src=//t.example/x>"
    assert rewrite(page, charset=label) == page.replace("src", "data-consentry-src")


def test_japanese_characters_are_not_markup() -> None:
    """In ISO-2022-JP a kanji may look like a quotation mark or a comment to who reads bytes."""
    kanji = b"\x1b$B!\x22<!--\x1b(B"
    page = b'<p title="' + kanji + b'"><link rel=preconnect href=//t.example>' + kanji
    made = GATE.rewrite(page, base=BASE, services=NECESSARY, charset="iso-2022-jp")
    assert made == page.replace(b"rel", b"data-consentry-rel")


@pytest.mark.parametrize(
    "page",
    [
        "<base href='https://ｔ.example/'><img src=x>",
        "<svg><base href=/></svg><base href=//t.example><img src=x>",
        "<meta http-equiv=refresh content='0;url=https://ｔ.example/'>",
        "<script type=speculationrules>{\"prefetch\":[{\"urls\":[\"https://ｔ.example\"]}]}</script>",
        "<img srcset='/own.gif?é 1x, http://ｔ.example/x 2x'>",
        "<iframe src='da\nta:text/html,<im\tg src=//t.example>'></iframe>",
        "<iframe src='da\nta:text/html,<im\tg src=https://t.example>'></iframe>",
        "<iframe src='data:text/html;charset=utf-16le;base64,PABpAG0AZwAgAHMAcgBjAD0AaAB0AHQAcABzADoALwAvAHQALgBlAHgAYQBtAHAAbABlAD4A'>",
        "<iframe src='data:application/xhtml+xml,<h:link xmlns:h=\"http://www.w3.org/1999/xhtml\" rel=\"preconnect\" href=\"https://t.example\"/>'>",
        "<object data='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"https:&amp;%23x2f;/t.example\"/></svg>'>",
        "<frameset><link rel=preconnect href=//t.example></frameset>",
        "<link rel=canonical rel=preconnect href=//t.example>",
        "<base href='http://['><base href=//t.example><img src=x>",
        "<base href='data:text/html,'><base href=//t.example><img src=x>",
        "<meta http-equiv=refresh content=\" 0.0 , UrL \n= 'http://t.example/'x\">",
        "<object data='data:text/xml,<?xml-stylesheet href=\"//t.example/x\"?><a/>'>",
        "<script type=speculationrules>{\"prerender\":null,\"prefetch\":[{\"urls\":[\"https://t.example\"]}]}</script>",
        "<script type=speculationrules>{\"prefetch\":[7,{\"urls\":[\"https://t.example\"]}]}</script>",
        "<svg><![CDATA[><link rel=preconnect href=//t.example>]]></svg>",
        "<embed code=//t.example>",
        "<script type=speculationrules>{\"prefetch\":[{\"where\":{\"href_matches\":\"https://t.example/*\"}}]}</script>",
        "<script type=speculationrules>{\"prefetch\":[{\"where\":{\"selector_matches\":\"a\"}}]}</script>",
        "<base href=//t.example><script type=speculationrules>{\"prefetch\":[{\"where\":{\"href_matches\":\"/*\"}}]}</script>",
        "<p>x<body background=//t.example>",
        "<svg><image><set attributeName=href to=https://t.example/x /></image></svg>",
    ],
)  # fmt: skip
def test_hiding_places(page: str) -> None:
    """Forms by which an address elsewhere hides from who reads less carefully than a browser."""
    assert "data-consentry-" in rewrite(page) or "text/plain" in rewrite(page)


def test_escapes_that_switch_nothing_hide_nothing() -> None:
    """A decoder of ISO-2022-JP drops an escape in the middle of a tag; unlabelled pages may be in it."""
    page = b"<li\x1b(Bnk rel=preconnect href=//t.example><p>\x1b$B<!--\x1b(B<img src=//t.example>"
    for label in ("iso-2022-jp", None):
        made = GATE.rewrite(page, base=BASE, services=NECESSARY, charset=label)
        assert made.count(b"data-consentry-") == 2


def test_one_odd_element_hides_no_other() -> None:
    """A NUL in a script of data, or letters in a host that no encoding explains, stop nothing but themselves."""
    made = rewrite("<script type=speculationrules>\0</script><img src=//t.example>")
    assert "<img data-consentry-src=//t.example>" in made
    unlabelled = "<link rel=preconnect href='https://ｔ.example/'>".encode("shift_jis")
    assert b"data-consentry-rel" in GATE.rewrite(unlabelled, base=BASE, services=NECESSARY)


def test_half_a_pair_of_utf_16_stops_nothing() -> None:
    """A lone surrogate in an attribute's name comes out as it went in."""
    page = "<img \udc00=x src=//t.example>".encode("utf-16-le", "surrogatepass")
    made = GATE.rewrite(page, base=BASE, services=NECESSARY, charset="utf-16")
    assert made == "<img \udc00=x data-consentry-src=//t.example>".encode("utf-16-le", "surrogatepass")


def test_line_ends_stay() -> None:
    """CR LF, CR and LF come out as they went in, also inside a tag that is edited."""
    page = "<p>\r\n\r<img\r\nalt='a\r\nb'\r\nsrc=//t.example>\r\n<img src=//t.example>\n"
    assert (
        rewrite(page)
        == "<p>\r\n\r<img alt='a\r\nb' data-consentry-src=//t.example>\r\n<img data-consentry-src=//t.example>\n"
    )


def test_a_site_with_a_name_in_other_letters_is_at_home() -> None:
    """An own host in Unicode is the same as in Punycode."""
    base = Base.of_page("https", "xn--mnchen-3ya.example")
    assert elsewhere("https://münchen.example/x", base) is None


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", ""])
def test_content_codings_are_opened_and_closed(coding: str) -> None:
    """What is opened was closed; beyond the cap, cut off or damaged nothing comes out."""
    page = b"<p>meadow" * 5000
    body = codings.closed(page, coding)
    assert codings.opened(body, coding, cap=len(page)) == page
    with pytest.raises(codings.Undecodable):
        codings.opened(body, coding, cap=len(page) - 1)
    if coding not in ("identity", ""):
        with pytest.raises(codings.Undecodable):
            codings.opened(body[:-9], coding, cap=len(page))
        with pytest.raises(codings.Undecodable):
            codings.opened(b"\x00" + body, coding, cap=len(page))


def test_a_body_of_many_members_is_not_opened() -> None:
    """Thousands of empty gzip members cost more than they are worth."""
    with pytest.raises(codings.Undecodable):
        codings.opened(codings.closed(b"", "gzip") * 1000, "gzip", cap=10_000)


@pytest.mark.parametrize(
    "unit", ["<body ", "<body background=//t.example ", "<link rel ", "<\x1b(B", "\x1b$B<", "<iframe srcdoc='"]
)
def test_hostile_pages_cost_little(unit: str) -> None:
    """What looks like the beginning of something a hundred thousand times is read in one go."""
    page = ("<body background=//t.example>" + unit * (200_000 // len(unit))).encode()
    begin = time.perf_counter()
    for charset in ("utf-8", None):
        GATE.rewrite(page, base=BASE, services=NECESSARY, charset=charset)
    assert time.perf_counter() - begin < 3


def test_an_unknown_coding_is_not_guessed() -> None:
    """A body in a coding that nobody here knows stays closed."""
    with pytest.raises(codings.Undecodable, match="compress"):
        codings.opened(b"x", "compress", cap=10)


def test_what_is_held_back_is_told() -> None:
    """Who wants to know learns each origin and the directive that it would have come under."""
    page = b"<script src=//t.example/x></script><link rel=icon href=//i.example/x><a ping=//p.example href=/x>x</a>"
    page += b"<iframe srcdoc='&lt;img src=https://d.example/x&gt;'></iframe>"
    told: list[tuple[str, str]] = []
    GATE.rewrite(page, base=BASE, services=NECESSARY, charset="utf-8", note=lambda *one: told.append(one))
    assert told == [
        ("https://t.example", "script-src"),
        ("https://i.example", "img-src"),
        ("https://p.example", "connect-src"),
        ("https://d.example", "img-src"),
    ]


def test_at_most_fifty_placeholders() -> None:
    """A page full of frames does not become a page full of forms."""
    assert rewrite("<iframe src=https://video.example/></iframe>" * 60).count("data-consentry-src") == 10


def test_opens_is_said_by_the_policy() -> None:
    """The kinds of the small policy above are what the tests take them for."""
    assert POLICY.services["posts"].opens is Opens.WIDGET


def test_without_scripts_there_is_a_placeholder_too() -> None:
    """A frame for browsers without scripts gets the placeholder for them."""
    assert "[1 frame video" in rewrite("<p><noscript><iframe src=https://video.example/></iframe></noscript>")
