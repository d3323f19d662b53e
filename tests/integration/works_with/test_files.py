"""Files that are pages, parts of files, and answers without a body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, send_file, send_from_directory
from werkzeug.http import parse_range_header
from werkzeug.test import TestResponse

from tests.integration.conftest import Site

from .hard import FILMS, LOCKED, PAGE, bare, gated, grant, serve

DOCUMENT = b"%PDF-1.7\n" + bytes(range(256)) * 40


def _files(app: Flask) -> None:
    folder = Path(app.root_path, "static")
    folder.mkdir()
    (folder / "page.html").write_bytes(PAGE.encode())
    (folder / "file.pdf").write_bytes(DOCUMENT)
    (folder / "film.mp4").write_bytes(DOCUMENT)
    serve(app, "/sent", lambda: send_file(folder / "page.html"))
    serve(app, "/from", lambda: send_from_directory(folder, "page.html", max_age=60))
    serve(app, "/saved", lambda: send_file(folder / "page.html", as_attachment=True))


@pytest.fixture
def files(build: Callable[..., Site]) -> Site:
    """A site with files in its static folder."""
    return build(FILMS, prepare=_files)


def _get(site: Site, path: str, **headers: str) -> TestResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.client.get(path, headers=sent, buffered=True)


@pytest.mark.parametrize("path", ["/sent", "/from", "/static/page.html"])
def test_a_file_that_is_a_page_is_a_page(files: Site, path: str) -> None:
    """It is rewritten with the right length, and says nothing more about the bytes that it had."""
    sent = _get(files, path)
    assert bare(sent.text) == gated(PAGE)
    assert int(sent.headers["Content-Length"]) == len(sent.data)
    assert "Accept-Ranges" not in sent.headers
    assert ";consentry=" in sent.headers["ETag"]
    assert "Last-Modified" not in sent.headers
    grant(files, "youtube", "matomo", "pixel")
    assert _get(files, path).text == gated(PAGE, granted=("youtube", "matomo", "pixel"))


@pytest.mark.parametrize("path", ["/sent", "/from", "/static/page.html"])
def test_a_file_that_is_a_page_is_confirmed_for_the_same_answer(files: Site, path: str) -> None:
    """A 304 comes for the tag of the present answer, and for no other tag or date."""
    tag = _get(files, path).headers["ETag"]
    fresh = _get(files, path, If_None_Match=tag, Sec_Fetch_Dest="document")
    assert (fresh.status_code, fresh.data, fresh.headers["ETag"]) == (304, b"", tag)
    assert "Content-Security-Policy" in fresh.headers
    bare_tag = tag.split(";")[0] + '"'
    for headers in ({"If_None_Match": bare_tag}, {"If_Modified_Since": "Fri, 01 Jan 2038 00:00:00 GMT"}):
        assert _get(files, path, Sec_Fetch_Dest="document", **headers).status_code == 200
    grant(files, "youtube")
    assert _get(files, path, If_None_Match=tag, Sec_Fetch_Dest="document").status_code == 200


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=100-", "bytes=-5"])
@pytest.mark.parametrize("path", ["/sent", "/from", "/static/page.html"])
def test_a_part_of_a_page_does_not_leave(files: Site, path: str, part: str) -> None:
    """Range is ignored on pages: the whole page comes, rewritten, with 200."""
    tag = _get(files, path).headers["ETag"]
    for headers in ({}, {"If_Range": tag}, {"If_Range": '"other"'}):
        sent = _get(files, path, Range=part, **headers)
        assert (sent.status_code, bare(sent.text)) == (200, gated(PAGE))
        assert "Content-Range" not in sent.headers
        assert int(sent.headers["Content-Length"]) == len(sent.data)


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=5000-", "bytes=-7"])
@pytest.mark.parametrize("name", ["file.pdf", "film.mp4"])
def test_parts_of_other_files_keep_working(files: Site, name: str, part: str) -> None:
    """Players and readers of documents get what they ask for, and can confirm it."""
    whole = _get(files, f"/static/{name}")
    assert whole.data == DOCUMENT
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "consentry" not in whole.headers["ETag"]
    assert "Last-Modified" in whole.headers
    some = _get(files, f"/static/{name}", Range=part, If_Range=whole.headers["ETag"])
    asked = parse_range_header(part)
    assert asked is not None
    span = asked.range_for_length(len(DOCUMENT))
    assert span is not None
    assert (some.status_code, some.data) == (206, DOCUMENT[span[0] : span[1]])
    assert some.headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/{len(DOCUMENT)}"
    assert some.headers["Content-Security-Policy"] == LOCKED
    assert _get(files, f"/static/{name}", If_None_Match=whole.headers["ETag"]).status_code == 304


def test_a_page_to_save_is_a_page(files: Site) -> None:
    """What is sent as an attachment is rewritten as well, and keeps its name."""
    sent = _get(files, "/saved")
    assert sent.headers["Content-Disposition"] == "attachment; filename=page.html"
    assert bare(sent.text) == gated(PAGE)


@pytest.mark.parametrize("path", ["/", "/hard", "/sent", "/static/page.html", "/static/file.pdf", "/missing"])
def test_head_answers_as_get_without_a_body(build: Callable[..., Site], path: str) -> None:
    """The same headers, but for the length of a page, which nobody has made."""

    def prepare(app: Flask) -> None:
        _files(app)
        serve(app, "/hard", lambda: PAGE)

    site = build(FILMS, prepare=prepare)
    full, head = _get(site, path), site.client.head(path, buffered=True)
    assert (head.status_code, head.data) == (full.status_code, b"")
    left_out = {"content-length"} if full.mimetype == "text/html" else set()

    def told(response: TestResponse) -> set[tuple[str, str]]:
        return {(name.lower(), value) for name, value in response.headers if name.lower() not in left_out | {"date"}}

    assert told(head) == told(full)
    assert not (left_out and "Content-Length" in head.headers)


def test_a_file_that_the_proxy_sends(build: Callable[..., Site]) -> None:
    """``X-Sendfile`` leaves with an empty body and the wall."""

    def prepare(app: Flask) -> None:
        app.config["USE_X_SENDFILE"] = True
        _files(app)

    sent = _get(build(FILMS, prepare=prepare), "/sent")
    assert sent.headers["X-Sendfile"].endswith("/page.html")
    assert sent.data == b""
    assert sent.headers["Content-Security-Policy"] == LOCKED
