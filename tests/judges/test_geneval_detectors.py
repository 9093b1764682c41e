"""Detectors of every sort, of random weights, run the GenEval judge for real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prompts.world import Content, write
from t2i_audit.errors import JudgeError
from t2i_audit.judges.geneval import GenEvalJudge
from t2i_audit.judges.geneval_colour import crop_of
from t2i_audit.judges.geneval_rules import Box, Rules
from t2i_audit.judges.load import load_judge, load_reader
from t2i_audit.models.builtin import COLOUR_FOLDER, builtin_folder
from tests.judges.tiny_detectors import SORTS, build, yolos

# Random weights are confident of nothing.
ANY = Rules(threshold=0.0, counting_threshold=0.0)
COLOURS = f"local-dir:{builtin_folder('detector') / COLOUR_FOLDER}"
PROMPTS = (
    write(Content((("red", "circle"), ("blue", "square")), "left of")),
    write(Content((("green", "square"),))),
)


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", SORTS)
def test_every_sort_of_detector_judges(name: str, tmp_path: Path) -> None:
    folder = build(name, tmp_path / name)
    judge = GenEvalJudge.from_spec(f"geneval:{folder}#{COLOURS}", device="cpu", rules=ANY)
    judged = judge.judge(images(), PROMPTS)

    assert judge.fingerprint["sort"] == SORTS[name][1]
    assert [set(each.slots) for each in judged] == [
        {part.slot for part in prompt.constituents} for prompt in PROMPTS
    ]
    assert any(each.readable for each in judged)
    json.dumps(dict(judge.fingerprint))


@pytest.mark.parametrize("name", SORTS)
def test_a_verdict_does_not_depend_on_the_batch(name: str, tmp_path: Path) -> None:
    folder = build(name, tmp_path / name)
    judge = GenEvalJudge.from_spec(f"geneval:{folder}#{COLOURS}", device="cpu", rules=ANY)
    shown = images()

    one_by_one = [judge.judge(shown[i : i + 1], PROMPTS[i : i + 1])[0] for i in range(2)]

    assert [e.chosen for e in judge.judge(shown, PROMPTS)] == [e.chosen for e in one_by_one]


def test_a_mask_leaves_only_the_object_in_the_crop() -> None:
    image = Image.fromarray(np.full((4, 4, 3), 255, np.uint8))
    mask = np.zeros((4, 4), dtype=bool)
    mask[1, 1] = True

    crop = np.asarray(crop_of(image, Box(1, 1, 3, 3, 0.9, mask)))

    assert crop[0, 0].tolist() == [255, 255, 255]
    assert crop[1, 1].tolist() == [0x99, 0x99, 0x99]


def test_a_crop_without_a_mask_keeps_its_surroundings_and_is_never_empty() -> None:
    image = Image.fromarray(np.full((4, 4, 3), 255, np.uint8))

    assert crop_of(image, Box(3.9, 3.9, 4, 4, 0.9)).size == (1, 1)


def test_a_zero_shot_detector_takes_any_word_and_another_says_which_it_lacks(
    tmp_path: Path,
) -> None:
    prompt = write(Content((("red", "star"),)))
    closed = load_reader(f"geneval:{build('yolos', tmp_path / 'yolos')}")
    open_ = load_reader(f"geneval:{build('owlv2', tmp_path / 'owlv2')}")

    assert closed.scope([prompt]).unjudgeable == {prompt.id: "the detector has no class for 'star'"}
    assert not open_.scope([prompt]).unjudgeable


def test_weights_that_exist_only_as_a_pickle_are_refused(tmp_path: Path) -> None:
    folder = build("yolos", tmp_path / "yolos")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(JudgeError, match=r"cannot load its model.*safetensors"):
        load_judge(f"geneval:{folder}#{COLOURS}", device="cpu")


def test_weights_of_another_configuration_are_refused(tmp_path: Path) -> None:
    folder, other = build("yolos", tmp_path / "yolos"), build("owlv2", tmp_path / "owlv2")
    (other / "model.safetensors").replace(folder / "model.safetensors")

    with pytest.raises(JudgeError, match="do not belong to its configuration"):
        load_judge(f"geneval:{folder}#{COLOURS}", device="cpu")


def test_a_model_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')

    with pytest.raises(JudgeError, match="BertModel is no detector of transformers"):
        load_reader(f"geneval:{tmp_path}")


def test_classes_without_names_are_refused(tmp_path: Path) -> None:
    folder = yolos(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(i): f"LABEL_{i}" for i in range(4)}
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(JudgeError, match="does not name its classes"):
        load_reader(f"geneval:{folder}")


@pytest.mark.parametrize(("spec", "said"), [
    ("geneval:nowhere", "there is no folder 'nowhere', and it is no hub id"),
    ("geneval:builtin:sound", "builtin:sound is no detector"),
    ("geneval:.", "has no config.json"),
])  # fmt: skip
def test_a_faulty_name_is_refused_in_one_sentence(spec: str, said: str) -> None:
    with pytest.raises(JudgeError, match=said):
        load_reader(spec)
