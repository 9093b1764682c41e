"""Which prompts a judge can judge: what it reads of a text, and what it finds the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prompts.foils.rivals import MOST, rivals_of
from prompts.structure import Constituent, Foil, Prompt
from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip import ClipJudge
from t2i_audit.judges.clip_text import NO_FOILS, SAME
from t2i_audit.judges.load import load_reader
from t2i_audit.judges.oracle import OracleJudge
from t2i_audit.judges.scope import TIE, Reader, require_scope, scope_lines
from tests.tiny import tiny_open_clip

WINDOW = 77
BEYOND = f"a foil differs from the prompt only beyond the {WINDOW} tokens that this judge reads"


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"clip:local-dir:{tiny_open_clip(tmp_path_factory.mktemp('judge') / 'tiny')}"


@pytest.fixture(scope="module")
def reader(spec: str) -> Reader:
    return load_reader(spec)


def prompt(text: str, *foils: str, id: str = "p") -> Prompt:
    return Prompt(id, text, "t", "t", (), tuple(Foil(foil, "changed") for foil in foils))


def words(count: int, last: str = "cat") -> str:
    """A text of `count` tokens and the two at its ends."""
    return " ".join([*["dog"] * (count - 1), last])


def test_every_judge_states_its_window(reader: Reader) -> None:
    assert reader.window == WINDOW
    assert load_reader("clip").window == 16
    assert load_reader("oracle").window is None


@pytest.mark.parametrize(
    ("tokens", "is_cut"), [(WINDOW - 3, False), (WINDOW - 2, False), (WINDOW - 1, True)]
)
def test_a_text_is_cut_from_the_first_token_that_does_not_fit(
    tokens: int, is_cut: bool, reader: Reader
) -> None:
    scope = reader.scope([prompt(words(tokens), "a bird"), prompt("a bird", words(tokens), id="f")])

    assert scope.cut == (("p", "f") if is_cut else ())
    assert not scope.unjudgeable


@pytest.mark.parametrize(
    ("text", "foils", "reason"),
    [
        ("a cat", [], NO_FOILS),
        ("a cat", ["a dog"], None),
        ("a cat", ["a dog", "A  Cat"], SAME),
        ("a cat", ["a cat\u00a0"], SAME),
        (words(WINDOW - 2), [words(WINDOW - 2, "cup")], None),
        (words(WINDOW - 1), [words(WINDOW - 1, "cup")], BEYOND),
        (words(WINDOW - 1), ["a dog", words(WINDOW + 20, "cup")], BEYOND),
        (words(200), ["a dog"], None),
        (words(200), [words(200).upper()], BEYOND),
    ],
)
def test_a_prompt_that_reads_like_a_foil_cannot_be_judged(
    text: str, foils: list[str], reason: str | None, reader: Reader
) -> None:
    scope = reader.scope([prompt(text, *foils)])

    assert scope.unjudgeable == ({} if reason is None else {"p": reason})


def test_a_tie_is_undecided_whatever_the_batch(spec: str) -> None:
    """CLIP pools a text at its first end token, so what follows one is read and changes nothing."""
    judge = ClipJudge.from_spec(spec, device="cpu")
    tied = prompt("a cat <end_of_text> red", "a cat <end_of_text> blue")
    clear = prompt("a cat", "a dog on a bus", id="clear")
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)

    assert not judge.scope([tied, clear]).unjudgeable
    verdicts = judge.judge(images, [tied, clear, clear, tied, tied, clear])
    verdicts += judge.judge(images[:1], [tied])

    assert [verdict.correct is None for verdict in verdicts] == [
        *(True, False, False, True, True, False),
        True,
    ]
    assert [verdict.flaw for verdict in verdicts if verdict.correct is None] == [TIE] * 4
    assert all(verdict.readable for verdict in verdicts)


def test_the_oracle_leaves_out_what_it_cannot_look_for() -> None:
    good = write(Content((("red", "circle"), ("blue", "square")), "left of"))

    def part(slot: str, kind: str, value: str, *entities: str) -> Constituent:
        return Constituent(slot, kind, value, 0, 1, entities)

    def of(id: str, *parts: Constituent) -> Prompt:
        return Prompt(id, "x", "t", "t", parts)

    one, two = part("a", "shape", "star", "a"), part("b", "shape", "cross", "b")
    suite = [
        good,
        of("text"),
        of("teapot", part("a", "shape", "teapot", "a")),
        of("material", part("a", "material", "wooden", "a")),
        of("elsewhere", one, two, part("deed", "relation", "above", "a", "b")),
        of("alone", one, part("relation", "relation", "above", "a")),
        of("shared", part("a", "shape", "star", "a", "b")),
        of("many", *(part(f"s{i}", "shape", "star", f"s{i}") for i in range(9))),
    ]

    scope = OracleJudge().scope(suite)

    assert set(scope.unjudgeable) == {each.id for each in suite} - {good.id}
    blank = np.full((1, 64, 64, 3), 235, np.uint8)
    for each in suite[1:]:
        with pytest.raises(JudgeError, match="oracle cannot judge"):
            OracleJudge().judge(blank, [each])


def test_a_suite_is_refused_when_no_prompt_can_be_judged(reader: Reader) -> None:
    suite = [prompt("a cat", id="first"), prompt("a dog", "A dog", id="second")]

    with pytest.raises(JudgeError, match=r"none of the 2 prompts: there are no foils .*'first'"):
        require_scope(reader, reader.scope(suite), suite)

    require_scope(reader, reader.scope(suite), [*suite, prompt("a", "b", id="third")])


def test_strict_refuses_a_suite_of_which_one_prompt_cannot_be_judged(reader: Reader) -> None:
    suite = [prompt("a cat", id="first"), prompt("a dog", "a cat", id="second")]
    scope = reader.scope(suite)

    require_scope(reader, scope, suite)
    with pytest.raises(JudgeError, match=r"1 of 2 prompts: .*'first'.*--strict"):
        require_scope(reader, scope, suite, strict=True)


def test_each_reason_is_one_line_with_its_count_and_the_first_id(reader: Reader) -> None:
    suite = [prompt("a cat", id="x"), prompt("a dog", "A dog", id="y"), prompt("a cup", id="z")]

    lines = list(scope_lines(reader, reader.scope(suite), len(suite)))

    assert len(lines) == 2
    assert "cannot judge 2 of 3 prompts" in lines[0]
    assert "('x' and 1 more)" in lines[0]
    assert "cannot judge 1 of 3 prompts" in lines[1]


def test_a_tokenizer_of_transformers_is_cut_where_its_window_ends() -> None:
    """The built-in judge's fills up with its end token, unlike open_clip's own."""
    built_in = load_reader("clip")
    assert built_in.window is not None
    fits = "a red circle and a blue square and a green star and a"
    assert len(fits.split()) + 2 == 15
    shorter, longer = f"{fits} cross", f"{fits} purple cross"

    scope = built_in.scope(
        [prompt(shorter, "a star", id="fits"), prompt(longer, "a star", id="cut")]
    )

    assert scope.cut == ("cut",)


def test_only_the_tokenizer_of_a_judge_is_needed_to_know_its_scope(tmp_path: Path) -> None:
    folder = tiny_open_clip(tmp_path / "tiny")
    (folder / "open_clip_model.safetensors").write_bytes(b"damaged")

    scope = load_reader(f"clip:local-dir:{folder}").scope([prompt("a cat")])

    assert scope.unjudgeable == {"p": NO_FOILS}


def test_how_many_captions_are_left_out_is_said(reader: Reader) -> None:
    suite = [replace(each, foils=()) for each in load_suite("complex").prompts[:3]]
    left_out = sum(rivals_of(each).left_out for each in suite)

    (line,) = scope_lines(reader, reader.scope(suite), len(suite))

    assert "holds 3 of 3 prompts against every other value of their attributes" in line
    assert f"and {MOST} other captions each" in line
    assert f"{left_out:,} further changes are left out" in line
