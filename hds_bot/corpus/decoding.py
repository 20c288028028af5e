"""Bytes to text, or a plain word on why not."""

from __future__ import annotations

import codecs

from hds_bot.errors import CorpusError

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# As browsers do, Latin-1 is read as the Windows code page that extends it.
_WESTERN = {
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-15": "iso8859-15",
}
_SIGNATURES = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a ZIP or Office file",
    b"\xd0\xcf\x11\xe0": "an old Office file",
}


def decode(data: bytes, where: str, *, declared: str = "") -> str:
    """Text of a file in UTF-8, or UTF-16 with its byte order mark, with line feeds as line ends.

    `declared` is the encoding that the file itself names: taken where the file is not UTF-8. Raises
    `CorpusError` for binary content and for any other encoding, naming the first bad byte.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    if kind := _binary_kind(data, encoding):
        raise CorpusError(
            f"this is {kind}, not text", where=where, next_step="give the file the suffix of its real format"
        )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if declared.lower() not in _WESTERN:
            raise _wrong_encoding(error, where) from error
        text = data.decode(_WESTERN[declared.lower()], "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _binary_kind(data: bytes, encoding: str) -> str | None:
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            return kind
    return "binary content" if encoding != "utf-16" and b"\0" in data else None


def _wrong_encoding(error: UnicodeDecodeError, where: str) -> CorpusError:
    line = error.object.count(b"\n", 0, error.start) + 1
    byte = error.object[error.start]
    return CorpusError(
        f"not {error.encoding.upper()}: byte 0x{byte:02X} at offset {error.start} (line {line})",
        where=where,
        next_step="save the file as UTF-8 in your editor, or convert it: iconv -f WINDOWS-1252 -t UTF-8",
    )
