"""Prompts drawn from grammars: distinct, reproducible, well written, and read back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.errors import RequestError
from prompts.formats.native import fault_of
from prompts.generate import capacities, generate
from prompts.grammar.load import Grammar, list_grammars, load_grammar, make_grammar
from prompts.permutation import Permutation
from prompts.recover import read_prompt
from prompts.structure import Prompt
from prompts.vocabulary import Vocabulary, load_vocabularies
from prompts.world import content_of
from prompts.world import write as write_world

seeds = st.integers(0, 2**32)


@st.composite
def grammars(draw: st.DrawFn) -> Grammar:
    """A shipped grammar, or a small one of random vocabularies and templates."""
    if draw(st.booleans()):
        return load_grammar(draw(st.sampled_from(list_grammars())))
    colours = draw(
        st.lists(st.sampled_from(["red", "icy blue", "oak", "dim"]), min_size=1, unique=True)
    )
    nouns = draw(
        st.lists(st.sampled_from(["cat", "ox", "bus", "oak tree", "fish"]), min_size=2, unique=True)
    )
    second = draw(st.sampled_from(["and", "{near(x, y)}", "[quite] {near(x, y)}"]))
    counted = draw(st.booleans())
    return make_grammar(
        f"colour = {' | '.join(colours)}\n"
        f"noun (noun) = {' | '.join(nouns)}\n"
        "near (relation) = by | far from | under\n"
        "n (count) = one | two | three\n"
        f"one: [a photo of] a {{x.colour}} {{x.noun}}\n"
        f"two: a {{x.noun}} {second} a {{y.noun}}\n"
        + ("many: {x.n} {x.noun} and {y.n} {y.noun}\n" if counted else "")
    )


@given(grammars(), st.integers(1, 40), seeds)
@settings(max_examples=25, deadline=None)
def test_prompts_are_distinct_sound_and_the_same_for_the_same_seed(
    grammar: Grammar, n: int, seed: int
) -> None:
    n = min(n, sum(each.count for each in capacities(grammar).values()))

    prompts = list(generate(grammar, n, seed=seed))

    assert len({prompt.text for prompt in prompts}) == n
    assert len({prompt.id for prompt in prompts}) == n
    assert list(generate(grammar, n, seed=seed)) == prompts
    for prompt in prompts:
        assert fault_of(prompt) is None


def a_few(grammar: Grammar, seed: int) -> Iterator[Prompt]:
    """Five prompts, or all where there are fewer."""
    there = sum(each.count for each in capacities(grammar).values())
    return generate(grammar, min(5, there), seed=seed)


def forms(vocabulary: Vocabulary, value: str) -> set[str]:
    """Every way in which a value may stand in a text."""
    wordings = set(vocabulary.wordings(value))
    plurals = {vocabulary.plural(each) for each in wordings} if vocabulary.role == "noun" else set()
    return wordings | plurals


@given(grammars(), seeds)
@settings(max_examples=25, deadline=None)
def test_a_span_is_the_words_of_its_value(grammar: Grammar, seed: int) -> None:
    for prompt in a_few(grammar, seed):
        for part in prompt.constituents:
            vocabulary = grammar.vocabularies[part.kind]
            assert prompt.text[part.start : part.end] in forms(vocabulary, part.value)


@given(grammars(), seeds)
@settings(max_examples=25, deadline=None)
def test_a_prompt_read_back_has_its_structure(grammar: Grammar, seed: int) -> None:
    for prompt in a_few(grammar, seed):
        read = read_prompt(grammar, prompt.text)
        assert read is not None
        assert replace(read, foils=()) == replace(prompt, foils=())


def test_what_a_grammar_does_not_write_is_not_read() -> None:
    grammar = load_grammar("world")

    assert read_prompt(grammar, "a red circle") is not None
    for text in ("a red circle ", "an red circle", "a pink circle", "a red circle and a red star"):
        assert read_prompt(grammar, text) is None


@given(grammars(), seeds)
@settings(max_examples=25, deadline=None)
def test_articles_and_numbers_agree_and_no_word_is_doubled(grammar: Grammar, seed: int) -> None:
    import inflect

    engine = inflect.engine()
    for prompt in a_few(grammar, seed):
        for text in (prompt.text, *(foil.text for foil in prompt.foils)):
            words = text.replace(",", " ,").split()
            for word, following in itertools.pairwise(words):
                assert word != following
                if word in ("a", "an"):
                    assert engine.a(following).split()[0] == word


def test_the_words_that_ship_have_the_forms_that_inflect_gives() -> None:
    import inflect

    engine = inflect.engine()
    for name in ("core", "world"):
        for vocabulary in load_vocabularies(name).values():
            for value in vocabulary.values:
                if vocabulary.role in ("noun", "attribute"):
                    assert vocabulary.article(value) == engine.a(value).split()[0]
                if vocabulary.role == "noun":
                    assert vocabulary.plural(value) == engine.plural_noun(value)


SMALL = {
    "bans": "c = red | blue | green\nn (noun) = cat | dog\nt: a {x.c} {x.n} and a {y.c} {y.n}",
    "wordings": "use world\n"
    "t: a {x.shape} {r:relation(x, y)} a {y.shape} {s:relation(y, z)} a {z.shape}",
    "doubled": "c = red | oak\nn (noun) = cat | oak tree | oak\nt: a {x.c} {x.n}",
    "counts": "k (count) = one | two | three\nn (noun) = cat | sheep\n"
    "t: {x.k} {x.n} and {y.k} {y.n}",
}


@pytest.mark.parametrize("name", SMALL)
def test_the_number_of_prompts_is_that_of_brute_force(name: str) -> None:
    grammar = make_grammar(SMALL[name])
    # Every filling of the slots, written out; what bans exclude is told by the texts themselves.
    (template,) = grammar.types["t"]
    texts = set()
    for digits in itertools.product(*(range(radix) for radix in template.radices)):
        values = [
            slot.choices.words[digit] for slot, digit in zip(template.slots, digits, strict=True)
        ]
        kinds: dict[str, list[str]] = {}
        for slot, digit in zip(template.slots, digits, strict=True):
            kinds.setdefault(slot.kind, []).append(slot.choices.values[digit])
        free = ("relation", "k")  # counts and relations may recur
        clashing = any(len(set(own)) < len(own) for kind, own in kinds.items() if kind not in free)
        doubled = name == "doubled" and set(values[0].split()) & set(values[1].split())
        if not clashing and not doubled:
            texts.add(template.write(digits)[0])

    (capacity,) = capacities(grammar).values()
    assert (capacity.count, capacity.is_exact) == (len(texts), True)
    assert {prompt.text for prompt in generate(grammar, capacity.count, seed=3)} == texts
    with pytest.raises(RequestError, match=f"has {capacity.count:,} distinct prompts"):
        generate(grammar, capacity.count + 1, seed=3)


def test_more_than_a_huge_space_is_told_how_many_there_are() -> None:
    grammar = load_grammar("complex")

    with pytest.raises(RequestError, match=r"constituents_10 62,270,208,000"):
        generate(grammar, 10**15, seed=0)


def test_types_are_balanced_as_far_as_there_are_prompts() -> None:
    grammar = load_grammar("attributes")

    counts: dict[str, int] = {}
    for prompt in generate(grammar, 800, seed=1):
        counts[prompt.type] = counts.get(prompt.type, 0) + 1

    assert counts.pop("one_object") == 28
    assert max(counts.values()) - min(counts.values()) <= 1


def test_the_whole_space_is_drawn_evenly_when_asked() -> None:
    grammar = load_grammar("world")

    counts: dict[str, int] = {}
    for prompt in generate(grammar, 1000, seed=1, balance="space"):
        counts[prompt.type] = counts.get(prompt.type, 0) + 1

    # 72, 1,800 and 14,400 of 16,272 prompts.
    assert counts == {"one_object": 4, "two_objects": 111, "relation": 885}


@given(st.integers(1, 3000), seeds)
@settings(max_examples=25, deadline=None)
def test_an_order_of_a_range_has_each_number_once(size: int, seed: int) -> None:
    order = Permutation(size, seed=seed)

    assert sorted(order(index) for index in range(size)) == list(range(size))


def test_an_order_looks_random_at_any_size() -> None:
    order = Permutation(10**15, seed=1)
    drawn = [order(index) / 10**15 for index in range(2000)]

    # A uniform mean has standard error 0.0065 here; neighbours do not go together.
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.03
    steps = [abs(a - b) for a, b in itertools.pairwise(drawn)]
    assert abs(sum(steps) / len(steps) - 1 / 3) < 0.03


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_the_world_grammar_writes_what_the_rendered_world_writes(seed: int) -> None:
    for prompt in generate(load_grammar("world"), 9, seed=seed):
        relation = prompt.constituent("relation")
        own = write_world(
            content_of(prompt),
            opening="a picture of " if prompt.text.startswith("a picture of ") else "",
            wording=prompt.text[relation.start : relation.end] if relation else None,
        )
        assert (own.text, own.type, own.constituents) == (
            prompt.text,
            prompt.type,
            prompt.constituents,
        )
