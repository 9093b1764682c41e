"""Cleaning of imported texts: invisible characters, white space, Unicode normalisation."""

from __future__ import annotations

import re
import unicodedata

from prompts.errors import SuiteFormatError
from prompts.formats.native import text_fault
from prompts.formats.notes import Notes

_FOLDED = re.compile(r"\s*(?:[^\S ]|[\u2800\u3164\uffa0])[\s\u2800\u3164\uffa0]*")
_FLAG = "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
_INVISIBLE = re.compile(
    f"(?P<flag>{_FLAG})"
    "|[\u00ad\u061c\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    # Joiners belong in emoji and in non-Latin scripts, variation selectors after a symbol.
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
    "|(?<![0-9#*\u00a9-\ufdff\ufe10-\U000dffff])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# UTF-8 read as Windows-1252, or the replacement character of a decoder.
_FOLLOWING = re.escape(bytes(range(0x80, 0xC0)).decode("cp1252", "ignore"))
_GARBLED = re.compile(f"[\u00c2\u00c3][{_FOLLOWING}]|\u00e2\u20ac|\ufffd")


def clean(text: str, *, where: str, notes: Notes | None = None) -> str:
    """`text` in Unicode's composed form (NFC), without invisible characters.

    Args:
        text: as the file has it.
        where: its file and row, for messages.
        notes: receives what was changed, see `without_invisible`.

    Raises:
        SuiteFormatError: the text is empty or has a control character.
    """
    visible = without_invisible(text, Notes() if notes is None else notes)
    composed = unicodedata.normalize("NFC", visible).strip()
    fault = text_fault(composed)
    if fault:
        raise SuiteFormatError(f"{where}: text {fault}")
    return composed


def without_invisible(text: str, notes: Notes) -> str:
    """`text` without invisible characters and with white space normalised; both are counted.

    White space other than spaces becomes one space; runs of spaces stay. Joiners stay in emoji and
    between letters that are not ASCII.
    """
    if text.isascii() and text.isprintable():
        return text
    visible = _INVISIBLE.sub(lambda match: match["flag"] or "", text)
    if visible != text:
        notes.count(
            "invisible characters were removed from {n} prompt",
            "invisible characters were removed from {n} prompts",
        )
    stripped = visible.strip()
    folded = _FOLDED.sub(" ", stripped)
    if folded != stripped:
        notes.count(
            "white space was replaced by single spaces in {n} prompt",
            "white space was replaced by single spaces in {n} prompts",
        )
    if _GARBLED.search(folded):
        notes.count(
            "characters look wrongly decoded in {n} prompt (such as \u00c3\u00a9 for é)",
            "characters look wrongly decoded in {n} prompts (such as \u00c3\u00a9 for é)",
        )
    return folded
