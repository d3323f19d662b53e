"""Documents in documents: ``srcdoc`` and ``data:``."""

from __future__ import annotations

import base64
from html import escape

from .form import HINT, URL, WIDE, form

# Each form is best read in one line.
# fmt: off

def _data(document: str, media: str = "text/html") -> str:
    return f"data:{media};base64,{base64.b64encode(document.encode()).decode()}"



_INNER = f"<img src='{URL}'>"


def _nested(document: str, times: int) -> str:
    """*document* in a frame in a frame …, *times* in all."""
    for _ in range(times):
        document = f'<iframe srcdoc="{escape(document)}"></iframe>'
    return document


#: Documents in documents.
DOCUMENTS = (
    form("srcdoc", _nested(_INNER, 1)),
    form("srcdoc-entities", "<iframe srcdoc='&lt;img src=&amp;#104;ttp://tracker.test/FORM&gt;'></iframe>"),
    form("srcdoc-twice", _nested(_INNER, 2)),
    form("srcdoc-five-times", _nested(_INNER, 5)),
    form("srcdoc-not-ascii", f"<iframe srcdoc='<p>é</p><img src={WIDE}>'></iframe>"),
    form("srcdoc-hint", f"<iframe srcdoc='<link rel=preconnect href={HINT}>'></iframe>"),
    form("srcdoc-no-script", f"<noscript><iframe srcdoc='<img src={URL}>'></iframe></noscript>"),
    form("srcdoc-sandbox", f"<iframe sandbox srcdoc='<noscript><img src={URL}></noscript>'></iframe>"),
    form("srcdoc-sandbox-attribute", f"<iframe sandbox srcdoc=\"<noscript><p title='</noscript><img src={URL}>'></noscript>\"></iframe>"),
    form("srcdoc-refresh", f"<iframe srcdoc='<meta http-equiv=refresh content=0;{URL}>'></iframe>"),
    form("srcdoc-and-src", f"<iframe src='{URL}' srcdoc></iframe><iframe srcdoc='' src='{URL}'></iframe>"),
    form("srcdoc-shadow", f"<div><template shadowrootmode=open><iframe srcdoc='<img src={URL}>'></iframe></template></div>"),
    form("data-html", f"<iframe src='data:text/html,<img src={URL}>'></iframe>"),
    form("data-html-hint", f"<iframe src='data:text/html,<link rel=preconnect href={HINT}>'></iframe>"),
    form("data-base64-hint", f"<iframe src='{_data(f'<link rel=preconnect href={HINT}>'.replace('FORM', 'data-base64-hint'))}'></iframe>"),
    form("data-scheme-newline", f"<iframe src='da&#10;ta:text/html,<link rel=preconnect href={HINT}>'></iframe>"),
    form("data-tag-newline", f"<iframe src='data:text/html,<li\nnk%20rel=pre\tconnect href={HINT}>'></iframe>"),
    form("data-percent", "<iframe src='data:text/html,%3Clink%20rel%3Dpreconnect%20href%3Dhttps%3A//FORM.tracker.test/%3E'></iframe>"),
    form("data-upper-case", f"<iframe src='DATA:TEXT/HTML;CHARSET=UTF-8,<link rel=preconnect href={HINT}>'></iframe>"),
    form("data-utf-16", "<iframe src='data:text/html;charset=utf-16le;base64,"
          + base64.b64encode(f"<link rel=preconnect href={HINT}>".replace("FORM", "data-utf-16").encode("utf-16-le")).decode() + "'></iframe>"),
    form("data-xhtml-prefix", f"<iframe src='{_data(f'<h:html xmlns:h=@http://www.w3.org/1999/xhtml@><h:link rel=@preconnect@ href=@{HINT}@/></h:html>'.replace('@', chr(34)).replace('FORM', 'data-xhtml-prefix'), 'application/xhtml+xml')}'></iframe>"),
    form("data-svg-hint", f"<iframe src='{_data(f'<svg xmlns=@http://www.w3.org/2000/svg@ xmlns:h=@http://www.w3.org/1999/xhtml@><h:link rel=@preconnect@ href=@{HINT}@/></svg>'.replace('@', chr(34)).replace('FORM', 'data-svg-hint'), 'image/svg+xml')}'></iframe>"),
    form("data-svg-image", f"<iframe src='{_data(f'<svg xmlns=@http://www.w3.org/2000/svg@><image href=@{URL}@ width=@9@ height=@9@/></svg>'.replace('@', chr(34)).replace('FORM', 'data-svg-image'), 'image/svg+xml')}'></iframe>"),
    form("data-xslt", f"<iframe src='{_data(f'<?xml-stylesheet href=@{URL}@ type=@text/css@?><x/>'.replace('@', chr(34)).replace('FORM', 'data-xslt'), 'text/xml')}'></iframe>"),
    form("data-object", f"<object data='data:text/html,<link rel=preconnect href={HINT}>'></object>"),
    form("data-embed", f"<embed type=text/html src='data:text/html,<link rel=preconnect href={HINT}>'>"),
    form("data-nested", f"<iframe src='data:text/html,<iframe src=\"data:text/html,<link rel=preconnect href={HINT}>\"></iframe>'></iframe>"),
    form("data-in-srcdoc", f"<iframe srcdoc='<iframe src=\"data:text/html,<link rel=preconnect href={HINT}>\"></iframe>'></iframe>"),
    form("data-no-media-type", f"<iframe src='data:,<link rel=preconnect href={HINT}>'></iframe>"),
    form("data-wrong-media-type", f"<iframe src='data:text/html ;x=\"a,b\",<link rel=preconnect href={HINT}>'></iframe>"),
    form("data-img-svg", "<img alt='' src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"http://tracker.test/FORM\"/></svg>'>"),
)

# fmt: on
