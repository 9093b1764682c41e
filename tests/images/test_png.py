"""Images are compressed in threads, and the files are the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from t2i_audit.images.png import encode_pngs


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_the_files_and_their_order_do_not_depend_on_the_number_of_cores(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 6, 3), dtype=np.uint8)

    files = encode_pngs(images)

    assert files == [png(each) for each in images]
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), image)


def test_no_images_are_no_files() -> None:
    assert encode_pngs(np.zeros((0, 8, 8, 3), dtype=np.uint8)) == []


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
