"""Words are found in a text that a pipeline changed, where that is certain."""

from __future__ import annotations

from typing import Any

import pytest

from prompts.structure import Constituent, Prompt
from t2i_audit.activations.text.positions import locate_all
from tests.families.text import bert, gemma, qwen_tokenizer
from tests.tiny import clip_tokenizer, t5_tokenizer

TOKENIZERS = {
    "clip": clip_tokenizer(77),
    "t5": t5_tokenizer(),
    "qwen": qwen_tokenizer(),
    "gemma": gemma()[1],
    "bert": bert()[1],
}


def made(text: str, *words: str) -> Prompt:
    parts = tuple(
        Constituent(word, "kind", word, text.index(word), text.index(word) + len(word), (word,))
        for word in words
    )
    return Prompt("p", text, "t", "t", parts)


def located(tokenizer: Any, prompt: Prompt, given: str) -> Any:
    """Where `prompt` is in a row that was made of the text `given`, which was not cut off."""
    row = list(tokenizer(given).input_ids)
    (found,) = locate_all(tokenizer, [prompt], [row], cut=[False])
    words = {
        slot: tokenizer.decode([row[index] for index in own]).strip()
        for slot, own in found.slots.items()
    }
    return found, words


@pytest.mark.parametrize("name", TOKENIZERS)
def test_words_are_found_where_punctuation_went(name: str) -> None:
    prompt = made("(a RED circle) [above] a blue square", "RED", "above", "blue square")
    found, words = located(TOKENIZERS[name], prompt, "a red circle above a blue square")

    assert (found.reading, found.located) == ("changed", True)
    assert words == {"RED": "red", "above": "above", "blue square": "blue square"}


def test_a_word_that_is_said_less_often_is_not_guessed_at() -> None:
    prompt = made("a red circle (and a red square)", "red", "circle")
    found, words = located(TOKENIZERS["t5"], prompt, "a red circle and a square")

    assert (found.reading, found.located) == ("changed", False)
    assert words == {"circle": "circle"}


def test_of_several_the_one_at_the_same_place_is_found() -> None:
    text = "(a red circle) above a red square"
    start = text.rindex("red")
    prompt = Prompt(
        "p", text, "t", "t", (Constituent("last", "k", "red", start, start + 3, ("e",)),)
    )
    found, _ = located(TOKENIZERS["t5"], prompt, "a red circle above a red square")
    row = list(TOKENIZERS["t5"]("a red circle above a red square").input_ids)

    assert found.slots["last"] == (len(row) - 1 - row[::-1].index(row[1]),)


def test_another_text_is_not_the_prompt() -> None:
    found, words = located(TOKENIZERS["t5"], made("a red circle", "red"), "purple cross below it")

    assert (found.reading, found.located, words) == ("not_found", False, {})


def test_a_learnt_word_of_several_vectors_is_all_its_tokens() -> None:
    tokenizer = clip_tokenizer(77)
    tokenizer.add_tokens(["<thing>", *(f"<thing>_{index}" for index in range(1, 8))])
    given = "a red " + " ".join(["<thing>", *(f"<thing>_{i}" for i in range(1, 8))]) + " circle"
    row = list(tokenizer(given).input_ids)
    (found,) = locate_all(
        tokenizer, [made("a red <thing> circle", "red", "<thing>", "circle")], [row]
    )

    assert (found.reading, found.located) == ("whole", True)
    assert len(found.slots["<thing>"]) == 8
    assert tokenizer.decode([row[i] for i in found.slots["circle"]]).strip() == "circle"


@pytest.mark.parametrize(
    ("given", "reading"),
    [("a red circle above", "cut_off"), ("red circle above", "cut_off"), ("", "not_found")],
)
def test_a_text_that_no_more_text_changes_is_cut_off_if_it_is_the_prompts(
    given: str, reading: str
) -> None:
    tokenizer = TOKENIZERS["clip"]
    row = list(tokenizer(given).input_ids)
    prompt = made("a red circle above a blue cross", "red")
    (found,) = locate_all(tokenizer, [prompt], [row], cut=[True])

    assert (found.reading, found.located) == (reading, False)
