"""Decoding of imported files: detection of other file types and of the encoding.

A file is either decoded correctly, with a note of what was detected, or refused in one sentence.
"""

from __future__ import annotations

import codecs
import io
import re

from prompts.errors import SuiteFormatError
from prompts.formats.notes import Notes

_MAGIC = (
    (b"PAR1", "a Parquet file", "import it with datasets"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it, or save a spreadsheet as CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it"),
    (b"BZh91AY", "a bzip2 archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"Rar!\x1a", "a RAR archive", "unpack it"),
    (b"%PDF-", "a PDF document", "copy its prompts into a text file"),
    (b"{\\rtf", "an RTF document", "save it as plain text"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save it as plain text or CSV"),
    (b"\x89PNG", "a PNG image", "name the file of prompts"),
    (b"\xff\xd8\xff", "a JPEG image", "name the file of prompts"),
    (b"GIF8", "a GIF image", "name the file of prompts"),
    (b"SQLite format 3\x00", "an SQLite database", "save its table as CSV"),
    (b"ARROW1", "an Arrow file", "import its folder with datasets"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "import its folder with datasets"),
    (b"\x93NUMPY", "a NumPy array", "save it as plain text"),
)
_MARKUP = (
    ("<!doctype html", "a web page"),
    ("<html", "a web page"),
    ("<head", "a web page"),
    ("<body", "a web page"),
    ("<?xml", "an XML document"),
    ("version https://git-lfs.github.com", "a Git LFS pointer"),
    ("/annex/objects/", "a git-annex pointer"),
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "a byte order mark was removed"),
    # The mark of UTF-32 begins with the mark of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32", "the file was read as UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "the file was read as UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "the file was read as UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "the file was read as UTF-16"),
)
_SAMPLE = 1 << 16  # bytes from which the encoding is guessed
_PLAIN = 0.75  # share of ASCII above which a text is English with a few other letters
_ZEROS = 0.7  # share of zeros in every second byte above which a text is UTF-16
_ENCODING_NAMES = {"cp1252": "Windows-1252", "utf_16_le": "UTF-16", "utf_16_be": "UTF-16"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


def decode(data: bytes, *, source: str, notes: Notes, encoding: str | None = None) -> str:
    """The text of a file, without a byte order mark.

    Args:
        data: the content of the file.
        source: its name in messages.
        notes: receives the encoding if it is not UTF-8.
        encoding: its encoding; detected if None.

    Raises:
        SuiteFormatError: it is not text, or not in this encoding.
    """
    for magic, kind, remedy in _MAGIC:
        if data.startswith(magic):
            raise SuiteFormatError(f"{source} is not UTF-8 text but {kind}; {remedy}")
    text = _decoded(data, source, notes, encoding).removeprefix("\ufeff")
    start = text[:1000].lstrip().lower()
    for tag, kind in _MARKUP:
        if start.startswith(tag):
            raise SuiteFormatError(
                f"{source} is not a file of prompts but {kind}; download the file itself"
            )
    return text


def _decoded(data: bytes, source: str, notes: Notes, encoding: str | None) -> str:
    if encoding is not None:
        return _decoded_as(data, source, encoding)
    for mark, name, note in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                text = data.decode(name)
            except UnicodeDecodeError:
                raise SuiteFormatError(
                    f"{source} starts with the byte order mark of {name.removesuffix('-sig')} and "
                    "is not valid in that encoding; save it again as UTF-8"
                ) from None
            notes.add(note)
            return text
    wide = _wide(data)
    try:
        text = data.decode(wide or "utf-8")
    except UnicodeDecodeError as error:
        _refuse_mostly_utf_8(data, error.start, source)
        guessed = _guess(data, error.start)
    else:
        if wide:
            notes.add("the file was read as UTF-16")
        return text
    try:
        text = data.decode(guessed or "ascii")
    except UnicodeDecodeError:
        text = "\x00"
    if _CONTROL.search(text):
        raise SuiteFormatError(
            f"{source} is not UTF-8 text and is not text in another known encoding; name a text "
            "file, or set its encoding with --encoding"
        )
    name = _ENCODING_NAMES.get(guessed or "", (guessed or "").replace("_", "-"))
    notes.add(
        f"the file is not UTF-8 and was read as {name}, as detected; if that is "
        "wrong, set --encoding"
    )
    return text


def _refuse_mostly_utf_8(data: bytes, start: int, source: str) -> None:
    """Refuse text that is mostly UTF-8, because any other encoding would garble most of it."""
    right = sum(not character.isascii() for character in data.decode("utf-8", "ignore"))
    wrong = data.decode("utf-8", "replace").count("\ufffd")
    if right > wrong:
        line = data.count(b"\n", 0, start) + 1
        raise SuiteFormatError(
            f"{source}, line {line} is not UTF-8, unlike the other lines; repair that line, or set "
            "the encoding with --encoding"
        )


def _decoded_as(data: bytes, source: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SuiteFormatError(
            f"{source} is not valid {encoding} (line {line}); leave --encoding out to detect "
            "the encoding"
        ) from None
    except (LookupError, ValueError):
        raise SuiteFormatError(
            f"--encoding {encoding!r} is not a text encoding; use one such as utf-8 or cp1252"
        ) from None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: in English text every second byte is zero."""
    head = data[: 1 << 12]
    if len(head) < 4 or len(data) % 2:
        return None
    for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        own, other = head[first::2], head[1 - first :: 2]
        if own.count(0) > _ZEROS * len(own) and other.count(0) == 0:
            return name
    return None


def _guess(data: bytes, start: int) -> str | None:
    """The most likely encoding of text that is not UTF-8 from the byte `start` on."""
    from charset_normalizer import from_bytes

    first = data.rfind(b"\n", 0, start) + 1
    last = data.rfind(b"\n", start, start + _SAMPLE)
    sample = data[max(first, start - _SAMPLE) : last if last > 0 else start + _SAMPLE]
    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        return None
    possible = {name for match in matches for name in match.could_be_from_charset}
    plain = sum(byte < 0x80 for byte in sample) / len(sample)
    # A few accents and quotation marks fit dozens of encodings, of which one is in wide use.
    if "cp1252" in possible and plain >= _PLAIN:
        return "cp1252"
    return best.encoding


def lines_of(text: str) -> list[str]:
    """The lines of a text, with the line ends of any operating system."""
    return list(io.StringIO(text, newline=None))
