"""How a foreign file is to be read: its kind, its encoding, its delimiter, its unseen characters.

Every format reads its bytes by `decode` and cleans its texts by `without_unseen`, so that a file is
either read rightly, with a note of what was done to it, or refused in one sentence.
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
    ("version https://git-lfs.github.com", "a pointer of Git LFS"),
    ("/annex/objects/", "a pointer of git-annex"),
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "a byte order mark at its start was taken off"),
    # UTF-32's begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32", "it was read as UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "it was read as UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "it was read as UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "it was read as UTF-16"),
)
_SAMPLE = 1 << 16  # bytes that an encoding is guessed from
_PLAIN = 0.75  # share of ASCII from which a text is taken for English with a few other letters
_ZEROS = 0.7  # share of zeros among every second byte from which a text is taken for UTF-16
_ENCODING_NAMES = {"cp1252": "Windows-1252", "utf_16_le": "UTF-16", "utf_16_be": "UTF-16"}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


def decode(data: bytes, *, source: str, notes: Notes, encoding: str | None = None) -> str:
    """The text of a file's bytes, without a byte order mark.

    Args:
        data: the file.
        source: what to call it in messages.
        notes: told what was detected, where that is not UTF-8.
        encoding: of the file; if None, it is detected.

    Raises:
        SuiteFormatError: it is no text, or not of the encoding.
    """
    for magic, kind, mend in _MAGIC:
        if data.startswith(magic):
            raise SuiteFormatError(f"{source} is not UTF-8 text but {kind}; {mend}")
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
        return _by_name(data, source, encoding)
    for mark, name, note in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                text = data.decode(name)
            except UnicodeDecodeError:
                raise SuiteFormatError(
                    f"{source} starts with the byte order mark of {name.removesuffix('-sig')} and "
                    "is not UTF-8 text or other text of that kind; save it anew as UTF-8"
                ) from None
            notes.say(note)
            return text
    wide = _wide(data)
    try:
        text = data.decode(wide or "utf-8")
    except UnicodeDecodeError as error:
        _refuse_spoilt(data, error.start, source)
        guessed = _guess(data, error.start)
    else:
        if wide:
            notes.say("it was read as UTF-16")
        return text
    try:
        text = data.decode(guessed or "ascii")
    except UnicodeDecodeError:
        text = "\x00"
    if _CONTROL.search(text):
        raise SuiteFormatError(
            f"{source} is not UTF-8 text and is not text of another known encoding; name a text "
            "file, or its encoding with --encoding"
        )
    name = _ENCODING_NAMES.get(guessed or "", (guessed or "").replace("_", "-"))
    notes.say(f"it is not UTF-8 and was read as {name}, by its bytes; --encoding names another")
    return text


def _refuse_spoilt(data: bytes, start: int, source: str) -> None:
    """Refuse what is UTF-8 for the most part: any other encoding would garble that part."""
    right = sum(not character.isascii() for character in data.decode("utf-8", "ignore"))
    wrong = data.decode("utf-8", "replace").count("\ufffd")
    if right > wrong:
        line = data.count(b"\n", 0, start) + 1
        raise SuiteFormatError(
            f"{source}, line {line} is not UTF-8 text, as others are; mend that line, or name the "
            "encoding with --encoding"
        )


def _by_name(data: bytes, source: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SuiteFormatError(
            f"{source} is not {encoding} text (line {line}); leave --encoding out to have it "
            "detected"
        ) from None
    except (LookupError, ValueError):
        raise SuiteFormatError(
            f"--encoding {encoding!r} is no encoding of text; name one such as utf-8 or cp1252"
        ) from None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark shows in English text by a zero in every second byte."""
    head = data[: 1 << 12]
    if len(head) < 4 or len(data) % 2:
        return None
    for name, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        own, other = head[first::2], head[1 - first :: 2]
        if own.count(0) > _ZEROS * len(own) and other.count(0) == 0:
            return name
    return None


def _guess(data: bytes, start: int) -> str | None:
    """The likeliest encoding of what is not UTF-8 from the byte `start` on."""
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
    # A few accents and quotation marks fit dozens of encodings, and of these one is in wide use.
    if "cp1252" in possible and plain >= _PLAIN:
        return "cp1252"
    return best.encoding


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever system's line ends it has; other separators end none."""
    return list(io.StringIO(text, newline=None))
