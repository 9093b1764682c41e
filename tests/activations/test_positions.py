"""Words are found among tokens by their characters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from prompts.structure import Prompt
from t2i_audit.activations.text.positions import locate
from t2i_audit.activations.text.tokenizing import tokenize
from t2i_audit.errors import ModelError
from tests.families.text import qwen_tokenizer
from tests.tiny import clip_tokenizer, t5_tokenizer, tiny_prompts

PROMPTS = tiny_prompts(40, seed=3)
TOKENIZERS = {"clip": clip_tokenizer(), "t5": t5_tokenizer()}


def padded(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, padding="max_length", truncation=True).input_ids)


def read(tokenizer: Any, row: list[int], indices: tuple[int, ...]) -> str:
    return str(tokenizer.decode([row[index] for index in indices])).strip()


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt.text)
def test_a_slots_tokens_decode_to_its_words(name: str, prompt: Prompt) -> None:
    tokenizer = TOKENIZERS[name]
    row = padded(tokenizer, prompt.text)
    tokens = locate(tokenizer, prompt, row)

    for part in prompt.constituents:
        words = prompt.text[part.start : part.end]
        assert read(tokenizer, row, tokens.slots[part.slot]) == words
    assert read(tokenizer, row, tokens.content) == prompt.text
    assert not tokens.truncated


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_end_is_the_first_end_token_after_the_text(name: str) -> None:
    tokenizer = TOKENIZERS[name]
    row = padded(tokenizer, PROMPTS[0].text)
    tokens = locate(tokenizer, PROMPTS[0], row)

    assert tokens.eos == row.index(tokenizer.eos_token_id) == tokens.content[-1] + 1


class SaysNothing:
    """A tokenizer that tells no offsets, as those of SentencePiece do not."""

    is_fast = False

    def __init__(self, tokenizer: Any) -> None:
        self.decode, self._cut = tokenizer.decode, tokenizer

    def __call__(self, text: str, **settings: Any) -> Any:
        return self._cut(text, **settings)


@given(
    name=st.sampled_from(["t5", "qwen"]),
    words=st.lists(st.sampled_from(["red", "cube", "é", "naïve", "ボ", "🎈x", "a"]), min_size=1),
)
def test_offsets_that_are_not_told_are_spelt_out(name: str, words: list[str]) -> None:
    tokenizer = TOKENIZERS[name] if name == "t5" else qwen_tokenizer()
    text = " ".join(words if name == "qwen" else [word for word in words if word.isascii()])
    (told,), (spelt,) = tokenize(tokenizer, [text]), tokenize(SaysNothing(tokenizer), [text])

    assert spelt.ids == told.ids
    # Whether a token of a space alone belongs to the word behind it, tokenizers say one or other.
    blank = [not tokenizer.decode([token]).strip() for token in told.ids]
    for place, letter in enumerate(text):
        if not letter.isspace():
            own, other = (
                [
                    start <= place < end
                    for (start, end), no_letter in zip(each.offsets, blank, strict=True)
                    if not no_letter
                ]
                for each in (spelt, told)
            )
            assert own == other


def test_tokens_that_do_not_spell_the_text_are_refused() -> None:
    with pytest.raises(ModelError, match="decoding its tokens does not give"):
        tokenize(SaysNothing(TOKENIZERS["t5"]), ["a ☃ cube"])


def test_some_constituents_are_several_tokens() -> None:
    located = (locate(TOKENIZERS["clip"], p, padded(TOKENIZERS["clip"], p.text)) for p in PROMPTS)

    assert any(len(tokens.slots["object_1.colour"]) > 1 for tokens in located)


def test_a_template_around_the_prompt_shifts_every_position() -> None:
    tokenizer, prompt = TOKENIZERS["t5"], PROMPTS[0]
    row = padded(tokenizer, prompt.text)
    plain = locate(tokenizer, prompt, row)
    shifted = locate(tokenizer, prompt, [25, 26, 27, *row])

    assert shifted.content == tuple(index + 3 for index in plain.content)
    assert shifted.eos == plain.eos + 3


def test_padding_on_the_left_does_not_matter() -> None:
    tokenizer, prompt = TOKENIZERS["t5"], PROMPTS[0]
    row = [tokenizer.pad_token_id] * 4 + list(tokenizer(prompt.text).input_ids)

    assert locate(tokenizer, prompt, row).eos == len(row) - 1


def test_a_lower_cased_prompt_is_found() -> None:
    tokenizer, prompt = TOKENIZERS["t5"], PROMPTS[0]
    loud = replace(prompt, text=f" {prompt.text[1:].upper()}")
    row = padded(tokenizer, loud.text.strip().lower())

    assert locate(tokenizer, loud, row).slots


def test_a_row_without_the_prompt_is_refused() -> None:
    tokenizer = TOKENIZERS["clip"]
    with pytest.raises(ModelError, match="was not given the text of the prompt"):
        locate(tokenizer, PROMPTS[0], padded(tokenizer, ""))


def test_a_constituent_cut_in_the_middle_counts_as_cut() -> None:
    tokenizer = TOKENIZERS["clip"]
    prompt = next(p for p in PROMPTS if "purple" in p.text)
    part = next(part for part in prompt.constituents if part.value == "purple")
    row = padded(tokenizer, prompt.text)
    whole = locate(tokenizer, prompt, row)
    first, *_ = whole.slots[part.slot]
    cut = locate(tokenizer, prompt, [*row[: first + 1], tokenizer.eos_token_id])

    assert len(whole.slots[part.slot]) == 2
    assert cut.truncated
    assert part.slot not in cut.slots


def test_the_tokenizer_of_the_tests_is_the_real_class() -> None:
    assert isinstance(TOKENIZERS["clip"], CLIPTokenizer)
