"""In which characters a page is written, and what the response says that it is.

Characters below U+0100 in a form that is encoded as ``latin-1`` are bytes.
"""

from __future__ import annotations

from .form import HINT, URL, WIDE, Form

# Each form is best read in one line.
# fmt: off

def _encoded(name: str, markup: str, encoding: str, charset: str | None) -> Form:
    return Form(name=f"charset-{name}", markup=markup, whole=True, encoding=encoding, charset=charset)


_LINK = f"<title>x</title><link rel=preconnect href='{HINT}'>"
_WIDE_HINT = "<link rel=preconnect href='https://FORM.ｔｒａｃｋｅｒ.test/'>"
_JAPANESE = "これは日本語で書かれたページです。天文台へようこそ。"
_CHINESE = "这是一个用简体中文写的网页。欢迎来到天文台。"
_PAGE = f"<!doctype html><title>x</title><p>words</p><img alt='' src={URL}>"


#: How the characters of a page can be written.
CHARSETS = (
    _encoded("none", _PAGE, "utf-8", None),
    _encoded("none-wide", f"<!doctype html><meta charset=utf-8><title>x</title><img alt='' src='{WIDE}'>", "utf-8", None),
    _encoded("utf-8-mark", "\ufeff" + _PAGE, "utf-8", None),
    _encoded("utf-16-mark", "\ufeff" + _PAGE, "utf-16-le", "utf-8"),
    _encoded("utf-16-big-mark", "\ufeff" + _PAGE, "utf-16-be", None),
    _encoded("utf-16-header", _PAGE, "utf-16-le", "utf-16"),
    _encoded("utf-16-label", _PAGE, "utf-16-le", "unicode"),
    _encoded("utf-16-old-label", _PAGE, "utf-16-le", "ucs-2"),
    _encoded("utf-16-big-label", _PAGE, "utf-16-be", "unicodeFFFE"),
    _encoded("utf-16-label-hint", _LINK, "utf-16-le", "csunicode"),
    _encoded("utf-16-big-label-hint", _LINK, "utf-16-be", "UnicodeFFFE"),
    _encoded("utf-16-odd-hint", "\xff\xfe" + "".join(f"{c}\0" for c in _LINK) + "x", "latin-1", "utf-8"),
    _encoded("utf-16-lone-surrogate", "\xff\xfe\x00\xd8" + "".join(f"{c}\0" for c in _LINK), "latin-1", "utf-8"),
    _encoded("guessed-shift-jis", f"<title>{_JAPANESE}</title><p>{_JAPANESE * 9}</p>{_WIDE_HINT}", "shift_jis", None),
    _encoded("guessed-euc-jp", f"<title>{_JAPANESE}</title><p>{_JAPANESE * 9}</p>{_WIDE_HINT}", "euc_jp", None),
    _encoded("guessed-gbk", f"<title>{_CHINESE}</title><p>{_CHINESE * 9}</p>{_WIDE_HINT}", "gbk", None),
    _encoded("guessed-big5", f"<title>繁體中文</title><p>{'這是一個使用繁體中文書寫的網頁。' * 20}</p>{_WIDE_HINT}", "big5", None),
    _encoded("guessed-iso-2022-jp", f"<title>{_JAPANESE}</title><p>{_JAPANESE * 9}</p>{_LINK}", "iso2022_jp", None),
    _encoded("guessed-utf-16", _LINK, "utf-16-le", None),
    _encoded("guessed-utf-7", f"<title>x</title>+ADw-link rel=preconnect href={HINT}+AD4-", "utf-8", None),
    _encoded("wrong-meta", f"<!-- <meta charset=utf-8> --><meta charset=shift_jis><title>{_JAPANESE}</title>{_WIDE_HINT}", "shift_jis", None),
    _encoded("late-meta", f"<title>x</title><!-- {'x' * 1100} --><meta charset=shift_jis><title>{_JAPANESE}</title>{_WIDE_HINT}", "shift_jis", None),
    _encoded("http-equiv", f"<meta http-equiv=content-type content='text/html; charset=shift_jis'><title>{_JAPANESE}</title>{_WIDE_HINT}", "shift_jis", None),
    _encoded("meta-in-attribute", f"<p title='<meta charset=utf-8>'><meta charset=shift_jis><title>{_JAPANESE}</title>{_WIDE_HINT}", "shift_jis", None),
    _encoded("replacement", _LINK, "utf-8", "iso-2022-kr"),
    _encoded("hz", _LINK, "utf-8", "hz-gb-2312"),
    _encoded("spaces", _LINK, "utf-16-le", " utf-16 "),
    _encoded("twice", _LINK, "utf-8", "utf-8; charset=utf-16"),
    _encoded("no-text-codec-hint", _LINK, "utf-8", "rot13"),
    _encoded("iso-2022-jp-markup", f"<title>x</title>\x1b$B<\x1b(Blink rel=preconnect href='{HINT}'>", "latin-1", "iso-2022-jp"),
    _encoded("iso-2022-jp-roman", f"<title>x</title>\x1b(J<link rel=preconnect href='{HINT}'>", "latin-1", "iso-2022-jp"),
    _encoded("utf-16-quoted-label", _PAGE, "utf-16-le", '"UTF-16LE"'),
    _encoded("utf-16-odd", "\xff\xfe" + "".join(f"{c}\0" for c in _PAGE) + "x", "latin-1", "utf-8"),
    _encoded("utf-16-in-meta", "<meta charset=utf-16>" + _PAGE, "utf-8", None),
    _encoded("windows-1252", f"<title>\xe9</title><img alt='\xe9' src={URL}>", "latin-1", "windows-1252"),
    _encoded("latin-1-wide", "<title>\xe9</title><img alt='\xe9' src='http://&#xff54;racker.test/FORM'>", "latin-1", "iso-8859-1"),
    _encoded("shift-jis", f"<title>表</title><img alt='表' src='{WIDE}'>", "shift_jis", "Shift_JIS"),
    _encoded("shift-jis-meta", f"<meta charset=x-sjis><title>表</title><img alt='表\\' src='{WIDE}'>", "shift_jis", None),
    _encoded("shift-jis-cut", f"<title>\x81</title><img alt='\x81' src='{URL}'\x81>", "latin-1", "shift_jis"),
    _encoded("euc-jp", f"<title>表</title><img alt='表' src='{WIDE}'>", "euc_jp", "euc-jp"),
    _encoded("gb18030", f"<title>表</title><img alt='表' src='{WIDE}'>", "gb18030", "gb18030"),
    _encoded("big5", f"<title>表</title><img alt='表' src='{WIDE}'>", "big5", "big5"),
    _encoded("iso-2022-jp", _LINK, "utf-8", "iso-2022-jp"),
    _encoded("iso-2022-jp-escapes", f"<title>\x1b$BI=\x1b(B</title><link rel=preconnect href='{HINT}'>", "latin-1", "iso-2022-jp"),
    _encoded("iso-2022-jp-in-comment", "<!-- <meta charset=iso-2022-jp> -->" + _LINK, "utf-8", None),
    _encoded("escape-in-page", f"<title>\x1b$B</title><!-- \x1b(B --><link rel=preconnect href='{HINT}'>", "latin-1", None),
    _encoded("utf-7", _LINK, "utf-8", "utf-7"),
    _encoded("utf-32", "<title>x</title><img alt='' src='http://&#xff54;racker.test/FORM'>", "utf-8", "utf-32"),
    _encoded("ebcdic", "<title>x</title><img alt='' src='http://&#xff54;racker.test/FORM'>", "utf-8", "cp037"),
    _encoded("no-text-codec", "<title>x</title><img alt='' src='http://&#xff54;racker.test/FORM'>", "utf-8", "hex"),
    _encoded("unknown", _PAGE, "utf-8", "x-nobody-knows"),
    _encoded("user-defined", _PAGE, "utf-8", "x-user-defined"),
    _encoded("two-metas", "<meta charset=utf-8><meta charset=shift_jis>" + _PAGE, "utf-8", None),
    _encoded("invalid-utf-8", f"<title>\xff\xfe\x00\xc3</title><img alt='\xe2\x82' src={URL}>", "latin-1", "utf-8"),
)


def _typed(name: str, media: str, charset: str | None = None) -> Form:
    return Form(name=f"media-{name}", markup=_LINK, whole=True, media=media, charset=charset)


#: What the response says that it is.
MEDIA = (
    _typed("upper-case", "TEXT/HTML", "utf-8"),
    _typed("spaces", "  text/html  ", "utf-8"),
    _typed("parameters", "text/html;x=y;", None),
    _typed("nothing", ""),
    _typed("unknown", "unknown/unknown"),
    _typed("any", "*/*"),
    _typed("no-slash", "text"),
    _typed("application-unknown", "application/unknown"),
    _typed("two", "text/plain, text/html"),
    _typed("plain", "text/plain"),
)

# fmt: on
