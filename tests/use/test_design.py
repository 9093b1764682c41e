"""Which prompts are drawn anew, and what their slots are exchanged for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.structure import Prompt
from prompts.suite import load_suite
from t2i_audit.settings import UseOptions
from t2i_audit.stages.use.design import Design, design_of, even_order, steered, wanted_in

SUITES = ("world", "counting")


def designed(prompts: tuple[Prompt, ...], seed: int = 0, **options: object) -> Design:
    return design_of(
        prompts,
        UseOptions(**options),  # type: ignore[arg-type]
        judgeable={prompt.id for prompt in prompts},
        blocks=("down", "mid"),
        seed=seed,
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 99), n=st.integers(1, 200))
def test_the_first_prompts_are_even_over_types_whatever_their_number(seed: int, n: int) -> None:
    prompts = load_suite("world").prompts
    there = Counter(prompt.type for prompt in prompts)

    drawn = Counter(prompt.type for prompt in even_order(prompts, seed)[:n])

    open_types = [drawn[name] for name in there if drawn[name] < there[name]]
    assert max(drawn.values()) - min(open_types) <= 1


def test_more_prompts_begin_with_the_same_ones_in_any_order_of_the_file() -> None:
    prompts = load_suite("world-relations").prompts

    few, many = designed(prompts, use_prompts=40), designed(prompts[::-1], use_prompts=90)

    for small, large in zip(few.parts, many.parts, strict=True):
        assert small.intervention == large.intervention
        assert small.prompts == large.prompts[:40]
        assert small.judged == large.judged[:40]


def test_what_was_drawn_before_stays_and_has_its_place() -> None:
    prompts = load_suite("world-relations").prompts
    before = designed(prompts, use_prompts=60, use_slots="relation")

    both = design_of(
        prompts,
        UseOptions(use_prompts=40, use_slots="object_1.colour,relation", use_sites="mid,text"),
        judgeable={prompt.id for prompt in prompts},
        blocks=("down", "mid"),
        seed=0,
        before=wanted_in(before.record),
    )

    sizes = [(each.site, each.slot, each.kind, count) for each, count in both.wanted.items()]
    assert sizes == [
        *(("text", "object_1.colour", kind, 40) for kind in ("erase", "random", "steer")),
        *(("text", "relation", kind, 60) for kind in ("erase", "random", "steer")),
        ("text", "", "context", 60),
        *(("mid", "object_1.colour", kind, 40) for kind in ("erase", "random", "steer")),
        *(("mid", "relation", kind, 40) for kind in ("erase", "random", "steer")),
    ]


@pytest.mark.parametrize("name", SUITES)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_another_value_changes_its_own_words_and_nothing_else(
    name: str, data: st.DataObject
) -> None:
    prompts = load_suite(name).prompts
    prompt = data.draw(st.sampled_from(prompts))
    slot = data.draw(st.sampled_from([part.slot for part in prompt.constituents]))
    own = prompt.constituent(slot)
    parts = [part for each in prompts for part in each.constituents if part.slot == slot]
    values = sorted({part.value for part in parts})

    other = steered(prompt, slot, values, seed=0)

    if other is None:
        return
    assert own is not None
    new = other.constituent(slot)
    assert new is not None and new.value in values and new.value != own.value
    # It is the value of no other thing of its kind, so that the image can tell.
    others = [part for part in prompt.constituents if part.slot != slot]
    assert new.value not in [part.value for part in others if part.kind == own.kind]
    assert [(part.slot, part.value) for part in other.constituents if part.slot != slot] == [
        (part.slot, part.value) for part in others
    ]
    for part in other.constituents:
        there = prompt.constituent(part.slot)
        assert there is not None
        words, before = other.text[part.start : part.end], prompt.text[there.start : there.end]
        assert words.strip() == words and words
        if part.slot != slot and own.kind != "count":  # a count changes its noun's number
            assert words == before


def test_every_slot_of_a_shipped_suite_can_be_steered_for_most_prompts() -> None:
    for part in designed(load_suite("world-relations").prompts).parts:
        assert len(part.prompts) == 200
        if part.intervention.kind == "steer":
            assert part.targets.keys() == {prompt.id for prompt in part.prompts}
