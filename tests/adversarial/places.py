"""Where an element can hide, and where relative addresses start from."""

from __future__ import annotations

from .form import CSS, HINT, URL, form, whole

# Each form is best read in one line.
# fmt: off

#: In which elements it can hide.
PLACES = (
    form("in-noscript", f"<noscript><img alt='' src={URL}></noscript>"),
    whole(
        "in-noscript-head",
        f"<!doctype html><head><title>x</title><noscript><link rel=stylesheet href={URL}></noscript></head>",
    ),
    form("in-noscript-attribute", f"<noscript><p title=\"</noscript><img src='{URL}'>\"></noscript>"),
    form("in-noscript-comment", f"<noscript><!-- </noscript><img alt='' src={URL}> --></noscript>"),
    form("in-noscript-style", f"<noscript><style></noscript><img alt='' src={URL}></style></noscript>"),
    form("in-template", f"<template><img alt='' src={URL}></template>"),
    form("in-shadow-root", f"<div><template shadowrootmode=open><img alt='' src={URL}></template></div>"),
    form(
        "in-nested-shadow-root",
        "<div><template shadowrootmode=closed><p><template shadowrootmode=open>"
        f"<iframe src={URL}></iframe></template></p></template></div>",
    ),
    form("in-svg-script", f"<svg><script href={URL}></script></svg>"),
    form("in-svg-script-xlink", f"<svg><script xlink:href={URL} /></svg>"),
    form("in-svg-image-xlink", f"<svg><image width=9 height=9 xlink:href={URL} /></svg>"),
    form("in-svg-style", f"<svg><style><img alt='' src={URL}></style></svg>"),
    form("in-svg-foreign-object", f"<svg><foreignObject><img alt='' src={URL}></foreignObject></svg>"),
    form("in-svg-desc", f"<svg><desc><iframe src={URL}></iframe></desc></svg>"),
    form(
        "in-svg-fe-image",
        f"<svg width=20 height=20><filter id=f><feImage href={URL} /></filter>"
        '<rect width="20" height="20" filter="url(#f)"/></svg>',
    ),
    form(
        "in-svg-set",
        f"<svg width=9 height=9><image width=9 height=9><set attributeName=href to={URL} /></image></svg>",
    ),
    form(
        "in-svg-animate",
        "<svg width=9 height=9><image width=9 height=9><animate attributeName=xlink:href "
        f'dur="9s" values="/own.gif;{URL}" keyTimes="0;0.001" calcMode="discrete"/></image></svg>',
    ),
    form("in-svg-pattern", f"<svg width=9 height=9><rect width=9 height=9 fill='url({URL}#a)'/></svg>", wall=CSS),
    form(
        "in-math-annotation", f"<math><annotation-xml encoding=text/html><img alt='' src={URL}></annotation-xml></math>"
    ),
    form("in-math-text", f"<math><mtext><img alt='' src={URL}></mtext></math>"),
    form("in-math-style", f"<math><mtext><table><mglyph><style><img alt='' src={URL}></style></table></math>"),
    form("in-select", f"<select><option><img alt='' src={URL}></option></select>"),
    form("in-processing-instruction", f"<?xml-stylesheet href='{URL}'?><?php ?><img alt='' src={URL}>"),
    form("in-select-script", f"<select><script src={URL}></script></select>"),
    form("in-option-select", f"<select><select><iframe src={URL}></iframe></select>"),
    form("in-table", f"<table><img alt='' src={URL}><tr><td>x</table>"),
    form("in-colgroup", f"<table><colgroup><img alt='' src={URL}></colgroup></table>"),
    whole("in-frameset", f"<!doctype html><title>x</title><frameset cols=*><frame src={URL}></frameset>"),
    whole(
        "in-frameset-image",
        f"<!doctype html><title>x</title><frameset cols=*><frame src=/own.gif><img alt='' src={URL}></frameset>",
    ),
    whole(
        "in-frameset-hint",
        f"<!doctype html><title>x</title><frameset cols=*><link rel=preconnect href={HINT}></frameset>",
    ),
    whole(
        "in-noframes",
        f"<!doctype html><title>x</title><frameset cols=*><noframes><img alt='' src={URL}></noframes></frameset>",
    ),
    form("in-iframe-fallback", f"<iframe><img alt='' src={URL}></iframe>"),
    form("in-object-fallback", f"<object data=/missing><img alt='' src={URL}></object>"),
    form("in-video-fallback", f"<video><img alt='' src={URL}></video>"),
    form("in-noembed", f"<noembed><img alt='' src={URL}></noembed>"),
    form("in-xmp", f"<xmp></xmpx><img alt='' src={URL}></xmp >"),
    form("in-marquee", f"<marquee><img alt='' src={URL}></marquee>"),
    form("in-button", f"<button><img alt='' src={URL}></button>"),
    form("in-dialog", f"<dialog><img alt='' src={URL}></dialog>"),
    form("in-details", f"<details><summary>x</summary><img alt='' src={URL}></details>"),
    form("in-hidden", f"<p hidden><img alt='' src={URL} width=1 height=1></p>"),
)


#: Where relative addresses start from.
BASES = (
    form("base", "<base href='http://tracker.test/'><img alt='' src=FORM>"),
    form("base-second", "<base target=_self><base href='//tracker.test'><img alt='' src=FORM>"),
    form("base-late", "<img alt='' src=FORM><base href='//tracker.test'>"),
    form("base-wide", "<base href='http://ｔｒａｃｋｅｒ.test/'><img alt='' src=FORM>"),
    form("base-backslashes", r"<base href='\\tracker.test'><img alt='' src=/FORM>"),
    form("base-only-scheme", "<base href='https:'><img alt='' src=//tracker.test/FORM>"),
    form("base-in-template", "<template><base href='/'></template><base href='//tracker.test'><img alt='' src=FORM>"),
    form("base-in-svg", "<svg><base href='/'></svg><base href='//tracker.test'><img alt='' src=FORM>"),
    form("base-in-svg-only", "<svg><base href='//tracker.test/'></svg><img alt='' src=FORM>"),
    form("base-invalid-first", "<base href='http://['><base href='//tracker.test'><img alt='' src=FORM>"),
    form("base-data-first", "<base href='data:,'><base href='//tracker.test'><img alt='' src=FORM>"),
    form("base-no-script", "<noscript><base href='//tracker.test/'></noscript><img alt='' src=FORM>"),
    form("base-empty-first", "<base href><base href='//tracker.test'><img alt='' src=FORM>"),
    form("base-xml", "<div xml:base='http://tracker.test/'><img alt='' src=FORM></div>"),
    whole("base-in-frameset", "<!doctype html><title>x</title><frameset><base href='//tracker.test/'><frame src=FORM></frameset>"),
    form("base-form-feed", "<base href='\f//tracker.test/'><img alt='' src=FORM>"),
    form("base-srcdoc", "<base href='//tracker.test/'><iframe srcdoc='<img src=FORM>'></iframe>"),
    form("base-in-srcdoc", "<iframe srcdoc='<base href=//tracker.test/><img src=FORM>'></iframe>"),
)

# fmt: on
