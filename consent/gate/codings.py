"""Content codings: a page that some middleware has compressed is opened, under a cap, and closed again.

Brotli and Zstandard need a library; who compresses with one has it (Flask-Compress brings both).

Source: RFC 9110 §8.4.1, RFC 7932 (br), RFC 8878 (zstd). ``deflate`` means the zlib format; browsers also take it raw.
"""

from __future__ import annotations

import importlib
import io
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

_GZIP, _ZLIB, _RAW = 31, 15, -15
#: Members of a gzip body; usual ones have one.
_MEMBERS = 100


class Undecodable(Exception):  # noqa: N818  # a fact about the body, not a fault
    """The body is larger than the cap, damaged, or in a coding for which there is no library."""


def opened(body: bytes, coding: str, *, cap: int) -> bytes:
    """*body* without its *coding*, a value of ``Content-Encoding``; empty means none.

    :param cap: Longest result in bytes.
    :raises Undecodable: see there.
    """
    decode = _DECODERS.get(coding.strip().lower())
    if decode is None:
        raise Undecodable(f"no library for the content coding {coding[:40]!r}")
    try:
        found = decode(body, cap + 1)
    except Exception as error:  # each library has its own
        raise Undecodable("a damaged body") from error
    if len(found) > cap:
        raise Undecodable("a body beyond the cap")
    return found


def closed(page: bytes, coding: str) -> bytes:
    """*page* in the same *coding* again, at a level meant for answers made on the fly."""
    return _ENCODERS[coding.strip().lower()](page)


def _inflate(bits: int) -> Callable[[bytes, int], bytes]:
    def decode(body: bytes, most: int) -> bytes:
        parts: list[bytes] = []
        left = most
        while body and left > 0:  # gzip may have several members
            if len(parts) >= _MEMBERS:
                raise Undecodable("a body of too many members")
            stream = zlib.decompressobj(bits)
            parts.append(stream.decompress(body, left))
            left -= len(parts[-1])
            if not stream.eof and left > 0:
                raise Undecodable("a body that is cut off")
            body = stream.unused_data
        return b"".join(parts)

    return decode


def _deflate(body: bytes, most: int) -> bytes:
    try:
        return _inflate(_ZLIB)(body, most)
    except zlib.error:
        return _inflate(_RAW)(body, most)


def _compressor(bits: int) -> Callable[[bytes], bytes]:
    return lambda page: zlib.compress(page, 6, bits)


def _first(*names: str) -> ModuleType | None:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _unbrotli(library: Any) -> Callable[[bytes, int], bytes]:
    def decode(body: bytes, most: int) -> bytes:
        stream = library.Decompressor()
        found = [stream.process(body, output_buffer_limit=most)]
        size = len(found[0])
        while size < most and not stream.is_finished():
            more = stream.process(b"", output_buffer_limit=most)
            if not more:
                raise Undecodable("a body that is cut off")
            found.append(more)
            size += len(more)
        return b"".join(found)

    return decode


def _unzstd(library: Any) -> Callable[[bytes, int], bytes]:
    def decode(body: bytes, most: int) -> bytes:
        if hasattr(library, "ZstdFile"):
            with library.ZstdFile(io.BytesIO(body)) as stream:
                return bytes(stream.read(most))
        reader = library.ZstdDecompressor().stream_reader(io.BytesIO(body), read_across_frames=True)
        return bytes(reader.read(most))

    return decode


def _zstd(library: Any) -> Callable[[bytes], bytes]:
    if hasattr(library, "ZstdFile"):
        return lambda page: bytes(library.compress(page))
    return lambda page: bytes(library.ZstdCompressor().compress(page))


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "": lambda body, _most: body,
    "identity": lambda body, _most: body,
    "gzip": _inflate(_GZIP),
    "x-gzip": _inflate(_GZIP),
    "deflate": _deflate,
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda page: page,
    "identity": lambda page: page,
    "gzip": _compressor(_GZIP),
    "x-gzip": _compressor(_GZIP),
    "deflate": _compressor(_ZLIB),
}
_brotli = _first("brotli", "brotlicffi")
if _brotli is not None:
    _quality = _brotli
    _DECODERS["br"] = _unbrotli(_brotli)
    _ENCODERS["br"] = lambda page: bytes(_quality.compress(page, quality=4))
_zstandard = _first("compression.zstd", "backports.zstd", "zstandard")
if _zstandard is not None:
    _DECODERS["zstd"] = _unzstd(_zstandard)
    _ENCODERS["zstd"] = _zstd(_zstandard)
