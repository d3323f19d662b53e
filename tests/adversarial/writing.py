"""How addresses and tags can be written."""

from __future__ import annotations

from .form import HINT, URL, WIDE, Form, form, whole

# Each form is best read in one line.
# fmt: off

def _img(name: str, url: str) -> Form:
    return Form(name=f"url-{name}", markup=f'<img alt="" src="{url}">')



#: How an address can be written.
ADDRESSES = (
    _img("spaces", f"  \t\n\f\r {URL} \n"),
    _img("control-characters", f"&#1;&#31;{URL}"),
    _img("backslashes", r"http:\\tracker.test\FORM"),
    _img("slash-backslash", r"/\tracker.test/FORM"),
    _img("two-backslashes", r"\\tracker.test/FORM"),
    _img("backslash-slash", r"\/tracker.test/FORM"),
    _img("no-slashes", "https:tracker.test/FORM"),
    _img("one-slash", "https:/tracker.test/FORM"),
    _img("five-slashes", "http://///tracker.test/FORM"),
    _img("slashes-newline", "/\n/tracker.test/FORM"),
    _img("slash-tab-backslash", "/\t\\tracker.test/FORM"),
    _img("scheme-newline", "ht\ntp://tracker.test/FORM"),
    _img("scheme-tab", "h\tttp:/\t/tracker.test/FORM"),
    _img("host-newline", "http://trac\nker.te\tst/FORM"),
    _img("host-crlf", "http://trac\r\nker.test/FORM"),
    _img("percent-dot", "http://tracker%2etest/FORM"),
    _img("percent-letter", "http://%74racker.test/FORM"),
    _img("entity-slash", "http:&#x2f;&#x2f;tracker.test/FORM"),
    _img("entity-sol", "&sol;&sol;tracker.test/FORM"),
    _img("entity-tab", "h&Tab;ttp:&NewLine;//tracker.test/FORM"),
    _img("entity-colon", "http&colon;//tracker.test/FORM"),
    _img("entity-unclosed", "http&#58//tracker.test/FORM"),
    _img("entity-bsol", "http:&bsol;&bsol;tracker.test/FORM"),
    _img("entity-zeros", "&#x0000000068;ttp://tracker.test/FORM"),
    _img("full-width", WIDE),
    _img("full-width-entities", "http://&#xff54;racker.test/FORM"),
    _img("ideographic-dot", "http://tracker。test/FORM"),
    _img("soft-hyphen", "http://tra\u00adcker.test/FORM"),
    _img("zero-width-space", "http://tra\u200bcker.test/FORM"),
    _img("mathematical-letters", "http://𝐭𝐫𝐚𝐜𝐤𝐞𝐫.test/FORM"),
    _img("umlaut-host", "http://trücker.test/FORM"),
    _img("upper-case", "HTTP://TRACKER.TEST/FORM"),
    _img("trailing-dot", "http://tracker.test./FORM"),
    _img("user-information", "http://127.0.0.1@tracker.test/FORM"),
    _img("empty-user", "http://:@tracker.test/FORM"),
    _img("port", "http://tracker.test:81/FORM"),
    _img("empty-port", "http://tracker.test:/FORM"),
    _img("zeros-port", "http://tracker.test:00080/FORM"),
    _img("same-host-other-port", "http://127.0.0.1:PORT/FORM"),
    _img("decimal-ip", "http://2130706434/FORM"),
    _img("hexadecimal-ip", "http://0x7f000002/FORM"),
    _img("octal-ip", "http://0177.0.0.02/FORM"),
    _img("short-ip", "http://127.2/FORM"),
    _img("mixed-ip", "//0x7F.2/FORM"),
    _img("ipv6", "http://[::1]:PORT/FORM"),
    _img("ipv4-in-ipv6", "http://[::ffff:127.0.0.2]/FORM"),
    _img("scheme-relative", "//tracker.test/FORM"),
    _img("nul", "http://tracker.test/\x00/FORM"),
)


#: How a tag can be written.
TAGS = (
    form("tag-script-slash", f"<SCRIPT/SRC={URL}></SCRIPT>"),
    form("tag-no-quotes", f"<img src={URL} alt=x>"),
    form("tag-missing-end-quote", f'<img title="x src={URL} "src={URL}>'),
    form("tag-no-spaces", f'<img/alt=""/src="{URL}"/>'),
    form("tag-glued-attributes", f'<img alt=""src="{URL}"title=""'),
    form("tag-glued-attributes-closed", f'<img alt=""src="{URL}"title="">'),
    form("tag-spaced-equals", f"<img src \n = \t '{URL}'>"),
    form("tag-equals-name", f'<img =x src="{URL}">'),
    form("tag-double-quote-name", f'<img " src="{URL}">'),
    form("tag-less-than-name", f'<img <b src="{URL}">'),
    form("tag-greater-in-value", f'<img alt="a>b" src="{URL}">'),
    form("tag-duplicate-first", f'<img alt="" src="{URL}" src="/own.gif">'),
    form("tag-duplicate-second", f'<img alt="" src="/own.gif" src="{URL}">'),
    form("tag-mixed-case", f'<iMg aLt="" SrC="{URL}">'),
    form("tag-image", f'<image src="{URL}">'),
    form("tag-nul-between", f'<img \x00 src="{URL}">'),
    form("tag-nul-in-name", f'<im\x00g src="{URL}">'),
    form("tag-nul-in-script", f"<script type=x>\x00</script><link rel=preconnect href='{HINT}'>"),
    form("tag-nul-in-value", f"<p title='\x00'></p><link rel='preconnect' title='\x00' href='{HINT}#\x00é'>"),
    form("tag-nul-in-srcdoc", f"<iframe srcdoc='\x00<link rel=preconnect href={HINT}>'></iframe>"),
    form("tag-numeric-surrogate", f"<p title='&#xd800;'></p><link rel=preconnect title='&#xd800;é' href='{HINT}#&#xd800;'>"),
    form("tag-carriage-returns", f'<img\r\rsrc\r=\r"{URL}"\r>'),
    form("tag-crlf", f'<img\r\nalt=""\r\nsrc="{URL}"\r\n>'),
    form("tag-form-feed", f'<img\fsrc="{URL}">'),
    form("tag-unclosed-at-end", f'<p>x</p><img alt="" src="{URL}"'),
    whole("tag-unclosed-elements", f'<p><b><div><img alt="" src="{URL}">'),
    form("tag-end-of-comment", f"<!--><img alt='' src={URL}>-->"),
    form("tag-comment-dash", f"<!---><img alt='' src={URL}>-->"),
    form("tag-comment-bang", f"<!-- --!><img alt='' src={URL}> -->"),
    form("tag-comment-plain", f"<!-- <img alt='' src={URL}> -->"),
    form("tag-bogus-comment", f"<?x <img alt='' src={URL}><img alt='' src={URL}>"),
    form("tag-cdata-in-html", f"<![CDATA[ ><img alt='' src={URL}> ]]>"),
    form("tag-cdata-in-svg", f"<svg><![CDATA[<]]><image width=9 height=9 href={URL}></svg>"),
    form("tag-in-attribute", f"<p title='<img src=\"/own.gif\">'><img alt='' src=\"{URL}\"></p>"),
    form("tag-gigantic-attribute", f'<img alt="{"x" * 70_000}" src="{URL}">'),
    form("tag-many-attributes", f'<img {" ".join(f"a{n}=1" for n in range(600))} src="{URL}">'),
    form("tag-deep", f'{"<div>" * 700}<img alt="" src="{URL}">'),
    form("tag-textarea", f"<textarea></textarea/><img alt='' src={URL}></textarea>"),
    form("tag-after-title", f"<svg><title><img alt='' src={URL}></title></svg>"),
    form("tag-script-escape", f"<script><!--<script></script>--></script><img alt='' src={URL}>"),
    form("tag-plaintext", f"<img alt='' src={URL}><plaintext>"),
    whole("tag-after-html", f"<!doctype html><title>x</title></html><img alt='' src={URL}>"),
    whole("tag-before-doctype", f"<img alt='' src={URL}><!doctype html><title>x</title>"),
    form("tag-formatting", f"<a><b><p><a><img alt='' src={URL}></b></p>"),
)

# fmt: on
