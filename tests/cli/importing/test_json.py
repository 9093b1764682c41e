"""JSON files in their usual shapes, and the faults of bad JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.importing.helpers import texts


@pytest.mark.parametrize(
    "content",
    [
        '{"prompt": "a cat"}\n\n{"prompt": "a dog"}\n',
        '[{"prompt": "a cat"}, {"prompt": "a dog"}]',
        '["a cat", "a dog"]',
        '"a cat"\n"a dog"\n',
        '{"prompt": ["a cat", "a dog"]}',
        '{"prompts": [{"prompt": "a cat"}, {"prompt": "a dog"}], "version": 1}',
        '{\n "x": "a cat",\n "y": "a dog"\n}',
        '{"x": {"prompt": "a cat"}, "y": {"prompt": "a dog"}}',
    ],
)
@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_in_its_usual_shapes_is_read(content: str, format_: str, take: Any) -> None:
    Path("a.json").write_text(content, encoding="utf-8")

    prompts, _ = take(format_, "a.json")

    assert texts(prompts) == ["a cat", "a dog"]
    if '"x"' in content:
        assert [prompt.id for prompt in prompts] == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"prompt": "a cat"}\n{"prompt": "a d', "line 2 is not JSON"),
        ('{"prompt": "a cat"}\n[1]\n', "line 2 holds a list"),
        ('{"prompt": "a cat"}\n{"prompt": 3}\n', "line 2: column 'prompt' should hold text, not 3"),
        ('{"prompt": "a cat"}\n{"other": "x"}\n', "line 2 has no column 'prompt'"),
        ('{"prompt": "a cat"}\n{"prompt": ""}\n', "line 2: column 'prompt' is empty"),
        (
            '{"a": "x", "b": "y"}\n{"a": "x", "b": "y"}\n',
            "it has a, b: name one with --text-column",
        ),
        ("[" * 100_000, "is not JSON"),
        ('{"prompt": ' + "9" * 5000 + "}\n", "is not JSON"),
        ('{"prompt": "a \\ud800 cat"}\n', "line 1: text has a control character"),
        ("[]", "has no prompts"),
        ('{"prompt": ["a", "b"], "n": [1]}', "has 2 prompts and 1 of 'n'"),
        ("3", "import it with text"),
    ],
)
def test_bad_json_is_told_by_line(content: str, said: str, refuse: Any) -> None:
    Path("a.json").write_text(content, encoding="utf-8")

    assert said in refuse("jsonl", "a.json")


def test_a_lone_surrogate_beside_the_prompt_does_no_harm(take: Any) -> None:
    Path("a.jsonl").write_text(
        '{"prompt": "a cat", "note": "\\ud800\\u001b[2J"}\n', encoding="utf-8"
    )

    assert take("jsonl", "a.jsonl")[0][0].metadata == {"note": "\ufffd\x1b[2J"}


def test_metadata_that_no_reader_could_read_again_is_refused(refuse: Any) -> None:
    for nested in ("[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300):
        Path("a.jsonl").write_text(f'{{"prompt": "a cat", "more": {nested}}}\n', encoding="utf-8")
        assert "line 1: 'more' is nested more than 50 levels deep" in refuse("jsonl", "a.jsonl")


def test_a_file_whose_name_is_no_text_is_read(take: Any) -> None:
    import os

    name = os.fsdecode(b"caf\xe9.txt")
    Path(name).write_text("a cat\n", encoding="utf-8")

    assert texts(take("text", name)[0]) == ["a cat"]
