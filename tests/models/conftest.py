from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_pipeline


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny pipeline; not to be changed."""
    return tiny_pipeline(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shipped checkpoints: a generator with a card, and a judge."""
    folder = tmp_path_factory.mktemp("builtin")
    card = "---\nlicense: mit\n---\n\n# sound\n\nKnows every word of\nthe world. And more.\n"
    (tiny_pipeline(folder / "sound") / "README.md").write_text(card)
    (folder / "clip-judge").mkdir()
    (folder / "clip-judge" / "open_clip_config.json").write_text("{}")
    return folder
