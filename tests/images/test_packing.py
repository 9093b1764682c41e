"""Thumbnails of images in a number of bytes."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from t2i_audit.images.decode import ImageFault
from t2i_audit.images.packing import SIDES, ImageFile, pack
from t2i_audit.images.thumbnails import thumbnail
from t2i_audit.io import sha256_of

N = 8


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[ImageFile]:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    files = []
    for place in range(N):
        path = folder / f"{place}.png"
        small = rng.integers(0, 256, (30, 20, 3), dtype=np.uint8)
        Image.fromarray(small).resize((400, 600)).save(path)
        files.append(ImageFile(path, sha256_of(path)))
    return files


def opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def length(pictures: dict[int, str]) -> int:
    return sum(map(len, pictures.values()))


def test_where_there_is_room_thumbnails_are_large(images: list[ImageFile]) -> None:
    packed = pack(images, 10_000_000)

    assert packed.side == SIDES[0]
    assert {max(opened(picture).size) for picture in packed.pictures.values()} == {SIDES[0]}
    assert len(packed.pictures) == N


@pytest.mark.parametrize("most", [30_000, 60_000, 120_000, 400_000])
def test_thumbnails_become_smaller_before_one_is_left_out(
    images: list[ImageFile], most: int
) -> None:
    packed = pack(images, most)

    assert length(packed.pictures) <= most
    assert packed.n_left_out == N - len(packed.pictures)
    assert not packed.n_left_out or packed.side == SIDES[-1]


def test_the_first_are_kept_where_even_the_smallest_do_not_fit(images: list[ImageFile]) -> None:
    packed = pack(images, 15_000)

    assert 0 < len(packed.pictures) < N
    assert list(packed.pictures) == list(range(len(packed.pictures)))
    whole = pack(images, 15_000 + packed.wanted * 2)
    assert not whole.n_left_out


def test_nothing_fits_into_nothing(images: list[ImageFile]) -> None:
    assert pack(images, 0).n_left_out == N
    assert pack([], 0).pictures == {}


def test_the_same_images_give_the_same_pictures(images: list[ImageFile]) -> None:
    assert pack(images, 60_000) == pack(images, 60_000)


def test_a_file_that_was_lost_or_changed_takes_no_room(
    images: list[ImageFile], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(images[0].path.read_bytes()[:-100])
    given = [
        ImageFile(tmp_path / "absent.png"),
        ImageFile(broken),
        ImageFile(images[0].path, images[1].sha256),
        images[2],
    ]

    packed = pack(given, 1_000_000)

    assert list(packed.pictures) == [3]
    assert packed.faults[0] == "it is missing"
    assert packed.faults[1].startswith("it is damaged")
    assert packed.faults[2] == "it was changed since"


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16", "CMYK"])
def test_images_of_every_kind_have_a_thumbnail(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image = Image.new("L", (300, 150), 90)
    (Image.fromarray(np.full((150, 300), 23130, np.uint16)) if mode == "I;16" else image).convert(
        mode
    ).save(path)

    made = Image.open(io.BytesIO(thumbnail(path, 100)))

    assert (made.format, made.size, made.mode) == ("WEBP", (100, 50), "RGB")


def test_a_small_image_keeps_its_size(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (64, 48), "red").save(path)

    assert Image.open(io.BytesIO(thumbnail(path, 128))).size == (64, 48)
    with pytest.raises(ImageFault, match="it is missing"):
        thumbnail(tmp_path / "absent.png", 128)
