"""Places and positions as the tables have them, and slots with names that mean something else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.structure import Constituent, Prompt
from t2i_audit.activations.readable import feature_blocks
from t2i_audit.probes.station import probe_station
from t2i_audit.results.place import SUMMARY_POSITIONS, Place, Position
from t2i_audit.run.features import FeatureWriter

# Names that are positions themselves, or look like a place in a table.
ODD = ("eos", "grid", "mean", "pooled", "eos@text_encoder", "a@b", '"quoted"', "@", "x@step_3", "")


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        (
            ("text_encoder", "block_1", "eos"),
            Place("text_encoder", "block_1", None, Position("eos")),
        ),
        (
            ("unet", "up_blocks.1@step_4", "relation"),
            Place("unet", "up_blocks.1", 4, Position.of_slot("relation")),
        ),
        (
            ("transformer", "transformer_blocks.3@step_0", "object_1.colour@text_encoder_2"),
            Place(
                "transformer",
                "transformer_blocks.3",
                0,
                Position.of_slot("object_1.colour", tokens_of="text_encoder_2"),
            ),
        ),
        (
            ("transformer", "blocks.0@step_0", "mean@text_encoder"),
            Place("transformer", "blocks.0", 0, Position("mean", tokens_of="text_encoder")),
        ),
    ],
)
def test_a_place_has_the_columns_that_the_tables_always_had(
    columns: tuple[str, str, str], place: Place
) -> None:
    assert Place.parse(*columns) == place
    assert tuple(place.to_row().values()) == columns


@given(
    st.one_of(st.sampled_from(ODD), st.text()),
    st.one_of(st.none(), st.sampled_from(("text_encoder", "text_encoder_2"))),
)
def test_every_slot_is_read_back_as_itself(slot: str, encoder: str | None) -> None:
    position = Position.of_slot(slot, tokens_of=encoder)

    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("slot", ODD)
def test_no_slot_is_written_as_another_position(slot: str) -> None:
    others = [*map(Position, SUMMARY_POSITIONS), Position("eos", tokens_of="text_encoder")]
    others += [Position.of_slot(each) for each in ODD if each != slot]
    others += [Position.of_slot("a", tokens_of="b")]

    assert str(Position.of_slot(slot)) not in set(map(str, others))


@pytest.mark.parametrize("text", ['"eos', '"eos"text_encoder', "eos@"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Position.parse(text)


def oddly_named(number: int) -> Prompt:
    """A prompt whose colour has the slot ``eos``, and whose shape ``mean@grid=1``."""
    colour, shape = ("red", "blue", "green")[number % 3], ("star", "ring", "cube")[number // 3 % 3]
    text = f"a {colour} {shape}"
    parts = [("eos", "colour", colour, 2), ("mean@grid=1", "shape", shape, 3 + len(colour))]
    return Prompt(
        id=str(number),
        text=text,
        type="one",
        template="one",
        constituents=tuple(
            Constituent(slot, kind, value, start, start + len(value), ("object",))
            for slot, kind, value, start in parts
        ),
    )


def test_a_slot_called_like_a_position_is_probed_beside_that_position() -> None:
    """The features of ``eos`` are noise; those of the words of the slot ``eos`` hold the shape."""
    prompts = [oddly_named(number) for number in range(90)]
    rng = np.random.default_rng(0)
    shapes = {shape: rng.normal(size=8) for shape in ("star", "ring", "cube")}
    noise = rng.normal(size=(len(prompts), 8))
    held = np.stack([shapes[prompt.constituents[1].value] for prompt in prompts]) + 0.1 * noise
    writer = FeatureWriter("text_encoder", len(prompts))
    for position, values in ((Position("eos"), noise), (Position.of_slot("eos"), held)):
        writer.put(("text_encoder", "block_1", str(position)), range(len(prompts)), values)

    read = probe_station(prompts, feature_blocks(writer.close(), prompts))

    found = {(each.place.position, each.slot): each.balanced_accuracy for each in read.places}
    assert found[Position.of_slot("eos"), "mean@grid=1"].estimate > 0.95
    assert found[Position("eos"), "mean@grid=1"].estimate < 0.6
    # The words of a slot never decode that slot, whatever it is called.
    assert (Position.of_slot("eos"), "eos") not in found
    assert (Position("eos"), "eos") in found


def test_a_text_encoder_keeps_such_a_slot_apart_from_the_position_of_its_name() -> None:
    from t2i_audit.activations.text.encode import encode_suite
    from t2i_audit.models import load_model

    prompts = [oddly_named(number) for number in range(4)]
    loaded = load_model("builtin:sound", device="cpu")

    features = encode_suite(loaded, prompts).features

    values = {
        Place.parse(each.encoder, each.layer, each.position): each.values for each in features
    }
    positions = {place.position for place in values}
    assert {Position("eos"), Position.of_slot("eos"), Position.of_slot("mean@grid=1")} <= positions
    end, words = (
        values[Place("text_encoder", "block_1", None, position)]
        for position in (Position("eos"), Position.of_slot("eos"))
    )
    # The word is a colour, and nowhere near the end token.
    assert np.abs(end - words).max() > 0.1
