"""The template language: what parses, and how what does not is told."""

from __future__ import annotations

import pytest

from prompts.errors import GrammarError
from prompts.grammar.load import make_grammar
from prompts.grammar.nodes import Choice, Slot, TypeDefinition, Word
from prompts.grammar.parse import parse


def test_a_line_becomes_its_nodes() -> None:
    (definition,) = parse("scene: a {x.colour} (cat | dog)").definitions

    assert isinstance(definition, TypeDefinition)
    word, slot, choice = definition.body.options[0]
    assert word == Word("a")
    assert isinstance(slot, Slot)
    assert (slot.name, slot.kind, slot.entities) == ("x.colour", "colour", ("x",))
    assert choice == Choice(((Word("cat"),), (Word("dog"),)))


def test_an_indented_line_goes_on_with_the_one_before() -> None:
    split = parse("scene: a cat\n  and a dog # both\n\n# nothing\n")
    joined = parse("scene: a cat and a dog")

    (one,), (other,) = split.definitions, joined.definitions
    assert isinstance(one, TypeDefinition)
    assert isinstance(other, TypeDefinition)
    assert one.body == other.body


@pytest.mark.parametrize(
    ("text", "said", "line", "near"),
    [
        ("t: a {x.y", "expected `}` to close `{`", 1, "t: a {x.y}"),
        ("x = a | b\nt: [a b", "line 2: expected `]`", 2, "t: [a b]"),
        ("t: a ) b", "')' closes no bracket", 1, "t: a () b"),
        ("x = a | | b", "has an empty value", 1, "x = a | b"),
        ("t: <rule(a,> b", "expected a name, found '>'", 1, "t: <rule(a)> b"),
        ("t a", "expected `=`, `:=` or `:`", 1, "t :a"),
        ("t: a ; b", "';' is not part of the language", 1, "t: a b"),
        ("t: a {left} b", "slot 'left' names no entity", 1, "t: a {object_1.left} b"),
        ("x (verb) = a", "the role of 'x' should be one of noun", 1, "x (noun) = a"),
    ],
)
def test_a_fault_is_told_with_line_caret_and_the_nearest_form(
    text: str, said: str, line: int, near: str
) -> None:
    with pytest.raises(GrammarError, match=f"line {line}: ") as caught:
        parse(text)

    assert said in str(caught.value)
    source, caret, nearest = caught.value.detail.split("\n")
    assert source.strip() == text.split("\n")[line - 1]
    assert caret.strip() == "^"
    assert len(caret) <= len(source) + 1
    assert nearest.strip() == f"nearest form that parses: {near}"
    (definition, *_) = parse(near + ("" if ":" in near else "\nt: a")).definitions
    assert definition


NOUNS = "object (noun) = cat | dog\ncolour = red | blue\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t: a {x.object}", None),
        ("t: a {x.obejct}", "unknown vocabulary 'obejct'; did you mean 'object'?"),
        ("t: <thing(x)>", "there is no rule 'thing'"),
        ("r(x) := a {x.object} <r(x)>\nt: <r(y)>", "rule 'r' calls itself"),
        ("r(x) := <s(x)>\ns(x) := <r(x)>\nt: <r(y)>", "calls itself"),
        ("r(x) := a {x.object}\nt: <r>", "takes 1 entities but was given 0"),
        ("t: a {x.object} {x.object}", "occurs twice in one prompt"),
        ("t: {x.object} {presence:colour(x)}", "slot 'presence' has another meaning in an audit"),
        ("t: a cat", "can be written without slots"),
        ("t: a {x.object}\nt: the {x.object}", "'t' is defined twice"),
        ("t: a {x.object} {colour(x, y)} b", "has the role attribute and needs 1 entity; it has 2"),
        ("use corr\nt: a {x.object}", "did you mean core or world?"),
        ("object (noun) =\nt: a {x.object}", "has an empty value"),
        ("n (count) = one | dozen\nt: {x.n} {x.object}", "counts with words other than one"),
        (
            "near (relation) = by\nt: a {x.object} {near(x, y)} it",
            "belongs to 'y', which has no noun",
        ),
        ("t: a {x.object}\nu: a {y.object}", "can be read as t and as u"),
    ],
)
def test_a_grammar_that_makes_no_sense_is_refused(text: str, said: str | None) -> None:
    if said is None:
        assert make_grammar(NOUNS + text).types
        return
    with pytest.raises(GrammarError) as caught:
        make_grammar(NOUNS + text)
    assert said in str(caught.value)


def test_a_nesting_of_choices_without_end_is_refused() -> None:
    with pytest.raises(GrammarError, match="more than 4096 ways"):
        make_grammar(NOUNS + "t: a {x.object} " + " ".join(f"[w{i}]" for i in range(13)))
