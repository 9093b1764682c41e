"""The encoding of a file is detected or given, and other bytes are refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.importing.helpers import texts


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", "byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("format_", ["text", "csv", "jsonl"])
def test_the_encoding_is_found_and_told(encoding: str, said: str, format_: str, take: Any) -> None:
    wanted = ["a café table", "a 5€ note", "two olives", "a naïve “robot”"]
    lines = {
        "text": wanted,
        "csv": ["prompt,n", *(f"{text},1" for text in wanted)],
        "jsonl": [json.dumps({"prompt": text}, ensure_ascii=False) for text in wanted],
    }[format_]
    Path("a").write_bytes(("\n".join(lines) + "\n").encode(encoding))

    prompts, notes = take(format_, "a")

    assert texts(prompts) == wanted
    assert said in notes
    assert bool(notes) == bool(said)


def test_a_spoilt_line_among_utf_8_is_told_and_the_rest_not_garbled(refuse: Any) -> None:
    Path("a.txt").write_bytes("a café\na naïve cat\n".encode() + "crème\n".encode("cp1252"))

    assert "a.txt, line 3 is not UTF-8, unlike the other lines" in refuse("text", "a.txt")


def test_an_encoding_can_be_named(take: Any, refuse: Any) -> None:
    Path("a.txt").write_bytes("červená krychle\n".encode("cp1250"))

    assert texts(take("text", "a.txt", "--encoding", "cp1250")[0]) == ["červená krychle"]
    assert "--encoding 'klingon' is not a text encoding" in refuse(
        "text", "a.txt", "--encoding", "klingon"
    )
    assert "--encoding 'hex' is not a text encoding" in refuse("text", "a.txt", "--encoding", "hex")
    assert "is not valid ascii" in refuse("text", "a.txt", "--encoding", "ascii")


def test_standard_input_is_decoded_as_a_file_is(take: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = "prompt;n\na café;1\n".encode("utf-16")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    assert texts(take("csv", "-")[0]) == ["a café"]

    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffa cat\n"))
    assert texts(take("text", "-")[0]) == ["a cat"]
