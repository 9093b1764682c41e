"""The reading rule."""

from __future__ import annotations

from prompts.world import Content, write
from t2i_audit.activations.readable import readable_at, targets_at
from t2i_audit.results.place import SUMMARY_POSITIONS, Position

SUMMARIES = set(map(Position, SUMMARY_POSITIONS))
ONE = write(Content((("red", "circle"),)))
TWO = write(Content((("red", "circle"), ("blue", "star")), "above"))


def test_a_colour_is_read_at_its_own_noun_and_not_at_the_other() -> None:
    positions = readable_at(TWO, "object_1.colour", station="text_encoder")

    assert positions == SUMMARIES | {Position.of_slot("object_1.shape")}


def test_a_relation_is_read_at_the_parts_of_what_it_relates() -> None:
    positions = readable_at(TWO, "relation", station="text_encoder")

    parts = {"object_1.colour", "object_1.shape", "object_2.colour", "object_2.shape"}
    assert positions == SUMMARIES | set(map(Position.of_slot, parts))


def test_no_slot_of_a_text_encoder_is_read_at_its_own_words() -> None:
    for part in TWO.constituents:
        own = Position.of_slot(part.slot)
        assert own not in readable_at(TWO, part.slot, station="text_encoder")


def test_in_the_denoiser_a_slot_is_also_read_in_its_own_region() -> None:
    own = Position.of_slot("object_1.shape")
    assert own in readable_at(TWO, "object_1.shape", station="denoiser")


def test_a_slot_that_the_prompt_lacks_is_read_nowhere() -> None:
    assert readable_at(ONE, "relation", station="denoiser") == frozenset()


def test_a_position_offers_the_slots_that_every_prompt_may_read_there() -> None:
    targets = targets_at([ONE, TWO], Position.of_slot("object_1.shape"), station="text_encoder")

    assert targets == {"object_1.colour", "relation"}


def test_a_common_position_offers_every_slot_of_the_suite() -> None:
    targets = targets_at([ONE, TWO], Position("eos"), station="text_encoder")

    assert targets == {part.slot for part in TWO.constituents}
