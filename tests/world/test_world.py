"""The rendered world: what is drawn can be read back, and its oracle knows when it cannot."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.world import COLOURS, RELATIONS, SHAPES, Content, SceneType, sample_content
from t2i_audit.world.oracle import SceneReading, read_image, read_images, relation_holds
from t2i_audit.world.render import coverage, render
from t2i_audit.world.scenes import IMAGE_SIZE, Scene, place

TYPES: tuple[SceneType, ...] = ("one_object", "two_objects", "relation", "count")


def sampled(count: int, *, seed: int) -> list[tuple[Content, Scene]]:
    rng, scene_rng = random.Random(seed), np.random.default_rng(seed)
    contents = [sample_content(rng, rng.choice(TYPES), distinct=False) for _ in range(count)]
    return [(content, place(content, scene_rng)) for content in contents]


def agrees(reading: SceneReading, content: Content) -> bool:
    """Whether a reading is the content, relation included."""
    found = sorted((item.colour, item.shape) for item in reading.objects)
    if found != sorted(content.objects * (content.count or 1)) or not reading.readable:
        return False
    if content.relation is None:
        return True
    first, second = (
        next(item for item in reading.objects if (item.colour, item.shape) == pair)
        for pair in content.objects
    )
    return relation_holds(content.relation, first, second)


@pytest.mark.parametrize("sigma", [0, 12])
def test_the_oracle_reads_995_of_1000_renders_clean_and_noisy(sigma: int) -> None:
    pairs = sampled(1000, seed=sigma)
    images = render([scene for _, scene in pairs]).astype(float)
    noisy = images + np.random.default_rng(0).normal(0, sigma, images.shape)
    readings = read_images(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))

    right = [agrees(r, content) for r, (content, _) in zip(readings, pairs, strict=True)]

    assert np.mean(right) >= 0.995


@given(st.sampled_from(COLOURS), st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_every_colour_and_shape_is_read_wherever_it_stands(
    colour: str, shape: str, seed: int
) -> None:
    scene = place(Content(((colour, shape),)), np.random.default_rng(seed))

    (item,) = read_image(render([scene])[0]).objects

    assert (item.colour, item.shape) == (colour, shape)
    assert np.hypot(item.x - scene.objects[0].x, item.y - scene.objects[0].y) < 1.5


@given(
    st.integers(1, 4),
    st.sampled_from(COLOURS),
    st.sampled_from(SHAPES),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_as_many_equal_objects_are_read_as_were_drawn(
    count: int, colour: str, shape: str, seed: int
) -> None:
    scene = place(Content(((colour, shape),), count=count), np.random.default_rng(seed))

    reading = read_image(render([scene])[0])

    assert [(item.colour, item.shape) for item in reading.objects] == [(colour, shape)] * count
    assert reading.readable


@given(st.sampled_from(RELATIONS), st.integers(0, 2**32 - 1))
def test_a_stated_relation_holds_between_the_placed_centres(relation: str, seed: int) -> None:
    content = Content((("red", "circle"), ("blue", "star")), relation)
    first, second = place(content, np.random.default_rng(seed)).objects

    axis = (first.x - second.x) if relation in ("left of", "right of") else (first.y - second.y)

    assert (axis < 0) == (relation in ("left of", "above"))
    assert 28 <= abs(axis) <= 33


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_objects_stay_inside_the_image_and_apart(seed: int) -> None:
    ((_, scene),) = sampled(1, seed=seed)

    wide = 3 * IMAGE_SIZE
    drawn = [
        coverage(item.shape, item.x + IMAGE_SIZE, item.y + IMAGE_SIZE, item.radius, size=wide)
        for item in scene.objects
    ]

    image = slice(IMAGE_SIZE, 2 * IMAGE_SIZE)
    # Tips may touch the border or each other: less than a hundredth of a shape is cut off, and
    # less than a pixel is shared.
    assert all(area[image, image].sum() >= 0.99 * area.sum() for area in drawn)
    assert all((one * other).sum() < 1 for one, other in itertools.combinations(drawn, 2))


def test_a_blank_image_is_unreadable() -> None:
    blank = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 235, np.uint8)

    reading = read_image(blank)

    assert reading.objects == ()
    assert not reading.readable


def test_a_smear_without_a_shape_is_unreadable() -> None:
    smear = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 235, np.uint8)
    smear[30:34, 8:56] = (220, 40, 40)

    assert not read_image(smear).readable


def test_an_object_of_two_colours_is_unreadable() -> None:
    scene = Scene(place(Content((("red", "square"),)), np.random.default_rng(1)).objects, 235)
    image = render([scene])[0]
    red = (image == (220, 40, 40)).all(axis=2)
    image[red] = (120, 110, 45)

    assert not read_image(image).readable


def test_rendering_is_deterministic() -> None:
    scenes = [scene for _, scene in sampled(20, seed=5)]

    assert np.array_equal(render(scenes), render(scenes))
