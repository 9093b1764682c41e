"""The questions on a prompt: one for each constituent, in plain English, of any suite."""

from __future__ import annotations

import random

import pytest

from prompts.structure import Constituent, Prompt
from prompts.suite import load_suite
from prompts.world import Content, write
from t2i_audit.judges.questions import questions_of

SUITES = ("attributes", "complex", "counting", "relations", "smoke", "world", "world-relations")


def prompt_of(text: str, *parts: tuple[str, str, str, str]) -> Prompt:
    """A prompt from (words in the text, value, kind, entities joined by a comma)."""
    constituents = []
    for words, value, kind, entities in parts:
        start = text.index(words)
        slot = f"{entities}.{kind}" if "," not in entities else kind
        owners = tuple(entities.split(","))
        constituents.append(Constituent(slot, kind, value, start, start + len(words), owners))
    return Prompt("1", text, "any", text, tuple(constituents))


def texts(prompt: Prompt) -> list[str]:
    return [question.text for question in questions_of(prompt)][:-1]


def test_the_caption_is_asked_for_in_the_words_of_vqascore() -> None:
    prompt = Prompt("1", "a red cup", "any", "", ())

    assert [(q.slot, q.text) for q in questions_of(prompt)] == [
        ("", 'Does this figure show "a red cup"?')
    ]


@pytest.mark.parametrize("suite", SUITES)
def test_every_constituent_of_a_shipped_suite_has_its_question(suite: str) -> None:
    prompts = list(load_suite(suite).prompts)
    for prompt in random.Random(1).sample(prompts, min(100, len(prompts))):
        *own, caption = questions_of(prompt)

        assert [question.slot for question in own] == [p.slot for p in prompt.constituents]
        assert prompt.text in caption.text
        for question, part in zip(own, prompt.constituents, strict=True):
            written = prompt.text[part.start : part.end]
            assert question.text.startswith(("Is ", "Are "))
            assert question.text.endswith("?")
            assert written in question.text or part.value in question.text


def test_an_attribute_is_asked_of_its_own_object_where_two_share_the_colour() -> None:
    prompt = write(Content((("red", "star"), ("red", "cross"))))

    assert texts(prompt) == [
        "Is there a red star?",
        "Is there a star?",
        "Is there a red cross?",
        "Is there a cross?",
    ]


def test_two_objects_of_one_noun_are_counted_and_told_apart_by_their_attributes() -> None:
    prompt = write(Content((("red", "star"), ("orange", "star")), "left of"))

    assert texts(prompt) == [
        "Is there a red star?",
        "Are there at least two stars?",
        "Is there a red star to the left of an orange star?",
        "Is there an orange star?",
        "Are there at least two stars?",
    ]


def test_two_equal_objects_are_one_and_another() -> None:
    prompt = write(Content((("red", "star"), ("red", "star")), "above"))

    assert "Is there a red star above another star?" in texts(prompt)


def test_what_must_be_absent_is_asked_for_as_absent() -> None:
    prompt = prompt_of(
        "a horse without a brown bottle",
        ("horse", "horse", "thing", "a"),
        ("without", "without", "company", "a,b"),
        ("brown", "brown", "colour", "b"),
        ("bottle", "bottle", "thing", "b"),
    )

    assert texts(prompt) == [
        "Is there a horse?",
        "Is there a horse without a brown bottle?",
        "Is it true that there is no brown bottle?",
        "Is it true that there is no brown bottle?",
    ]


def test_counted_nouns_agree_with_their_verb() -> None:
    prompt = prompt_of(
        "two black dogs chasing one cat",
        ("two", "two", "count", "a"),
        ("black", "black", "colour", "a"),
        ("dogs", "dog", "thing", "a"),
        ("chasing", "chasing", "action", "a,b"),
        ("one", "one", "count", "b"),
        ("cat", "cat", "thing", "b"),
    )

    assert texts(prompt) == [
        "Are there exactly two dogs?",
        "Are the dogs black?",
        "Are there dogs?",
        "Are there dogs chasing a cat?",
        "Is there exactly one cat?",
        "Is there a cat?",
    ]


def test_counts_of_one_noun_are_told_apart_by_their_attributes() -> None:
    prompt = prompt_of(
        "two red cars and three blue cars",
        ("two", "two", "count", "a"),
        ("red", "red", "colour", "a"),
        ("cars", "car", "thing", "a"),
        ("three", "three", "count", "b"),
        ("blue", "blue", "colour", "b"),
    )
    other = Constituent("b.thing", "thing", "car", 28, 32, ("b",))
    prompt = Prompt("1", prompt.text, "any", "", (*prompt.constituents, other))

    assert "Are there exactly two red cars?" in texts(prompt)
    assert "Are there blue cars?" in texts(prompt)


def test_a_noun_without_an_article_gets_none() -> None:
    prompt = prompt_of(
        "a photo of melted cheese",
        ("melted", "melted", "texture", "a"),
        ("cheese", "cheese", "object", "a"),
    )

    assert texts(prompt) == ["Is there melted cheese?", "Is there cheese?"]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("a table made of wood", "Is there a table made of wood?"),
        ("the table that is made of wood", "Is there a table made of wood?"),
    ],
)
def test_an_attribute_that_can_only_stand_behind_its_noun_does(text: str, question: str) -> None:
    prompt = prompt_of(
        text, ("table", "table", "object", "a"), ("made of wood", "made of wood", "material", "a")
    )

    assert texts(prompt)[1] == question


def test_a_sentence_begins_with_no_capital_inside_a_question() -> None:
    prompt = prompt_of(
        "Red apples lie here", ("Red", "red", "colour", "a"), ("apples", "apple", "object", "a")
    )

    assert texts(prompt) == ["Are the apples red?", "Are there apples?"]


def test_a_relation_of_three_is_asked_for_in_the_words_of_the_prompt() -> None:
    prompt = prompt_of(
        "a cup between a fork and a knife",
        ("cup", "cup", "object", "a"),
        ("between", "between", "relation", "a,b,c"),
        ("fork", "fork", "object", "b"),
        ("knife", "knife", "object", "c"),
    )

    assert texts(prompt)[1] == 'Does this figure show "cup between a fork and a knife"?'
