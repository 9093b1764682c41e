"""The VQA judge: its answers are the model's own, whatever stands beside a question in a batch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from prompts.structure import Prompt
from t2i_audit.errors import JudgeError, ModelError
from t2i_audit.judges.load import load_judge, load_reader
from t2i_audit.judges.questions import questions_of
from t2i_audit.judges.vqa import VqaJudge
from t2i_audit.judges.vqa_wording import ORDERS
from tests.judges.tiny_vqa import tiny_vqa
from tests.tiny import tiny_prompts

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model; not to be changed."""
    return tiny_vqa(tmp_path_factory.mktemp("vqa") / "tiny")


@pytest.fixture(scope="module")
def judge(folder: Path) -> VqaJudge:
    return VqaJudge.from_spec(f"vqa:{folder}", device="cpu")


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def images(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


def generated(judge: VqaJudge, image: np.ndarray, text: str) -> float:
    """Log-odds of yes against no by `generate`, for one text without padding."""
    content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
    processor = judge.text.processor
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    made = judge.model.generate(
        **inputs,
        max_new_tokens=1,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    yes, no = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])
    return float(made.logits[0][0, yes] - made.logits[0][0, no])


def test_an_answer_is_the_mean_of_what_generate_gives_in_either_order(judge: VqaJudge) -> None:
    image = images(1)
    questions = ["Is there a red star?", 'Does this figure show "a red star above a blue cross"?']

    answers = judge.answers(image, [(0, question) for question in questions])

    for question, answer in zip(questions, answers, strict=True):
        both = [generated(judge, image[0], f"{question} {order}") for order in ORDERS]
        assert abs(both[0] - both[1]) > 1e-3  # the order matters to this model
        assert answer.log_odds == pytest.approx(np.mean(both), abs=1e-4)
        assert answer.mass > 0.99


@pytest.mark.parametrize("at_once", [1, 3])
def test_answers_do_not_depend_on_the_batch(judge: VqaJudge, at_once: int) -> None:
    prompts = tiny_prompts(3)
    whole = judge.judge(images(3), prompts)
    parts = replace(judge, at_once=at_once).judge(images(3), prompts)

    for one, other in zip(whole, parts, strict=True):
        assert one.slots == other.slots
        assert one.margin == pytest.approx(other.margin, abs=1e-4)
        assert one.slot_probabilities == pytest.approx(dict(other.slot_probabilities), abs=1e-5)


def test_every_slot_has_a_verdict_and_a_probability(judge: VqaJudge) -> None:
    (prompt,) = tiny_prompts(1)
    (judgement,) = judge.judge(images(1), [prompt])
    slots = {part.slot for part in prompt.constituents}

    assert set(judgement.slots) == set(judgement.slot_probabilities) == slots
    assert set(judgement.scores) == {
        "caption",
        "arithmetic_mean",
        "geometric_mean",
        "answer_mass",
    }


@contextmanager
def memory_for(judge: VqaJudge, most: int) -> Iterator[list[int]]:
    """A device on which `most` questions fit at once; yields the sizes that were tried."""
    tried: list[int] = []

    def hook(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        tried.append(len(kwargs["input_ids"]))
        if tried[-1] > most:
            raise torch.OutOfMemoryError("out of memory")

    handle = judge.model.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield tried
    finally:
        handle.remove()


def test_questions_are_asked_in_halves_where_memory_runs_short(judge: VqaJudge) -> None:
    prompts = tiny_prompts(2)
    whole = judge.judge(images(2), prompts)
    with memory_for(judge, 5) as tried:
        halves = judge.judge(images(2), prompts)

    assert max(tried) > 5
    assert [each.margin for each in halves] == pytest.approx(
        [each.margin for each in whole], abs=1e-4
    )


def test_no_room_for_one_question_is_a_sentence(judge: VqaJudge) -> None:
    with memory_for(judge, 0), pytest.raises(ModelError, match="memory runs short"):
        judge.judge(images(1), tiny_prompts(1))


def test_a_model_without_a_chat_template_is_asked_in_plain_text(tmp_path: Path) -> None:
    judge = load_judge(f"vqa:{tiny_vqa(tmp_path, template=False)}", device="cpu")

    (judgement,) = judge.judge(images(1), tiny_prompts(1))

    assert judgement.readable


def test_a_model_that_answers_neither_is_refused(tmp_path: Path) -> None:
    folder = tiny_vqa(tmp_path, answers=False)
    with pytest.raises(JudgeError, match=r"puts only 0\.0\d+ of the probability on either"):
        load_judge(f"vqa:{folder}", device="cpu")


def test_a_tokenizer_without_yes_is_refused_before_the_weights_are_read(copied: Path) -> None:
    path = copied / "tokenizer.json"
    path.write_text(path.read_text().replace('"yes"', '"aye"'))
    (copied / WEIGHTS).write_bytes(b"")
    with pytest.raises(JudgeError, match="its tokenizer has no token for 'yes'"):
        load_judge(f"vqa:{copied}", device="cpu")


def test_every_form_of_yes_counts(copied: Path) -> None:
    tokenizer = json.loads((copied / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    words["Yes"] = words.pop("above")
    (copied / "tokenizer.json").write_text(json.dumps(tokenizer))

    assert len(load_judge(f"vqa:{copied}", device="cpu").text.answers["yes"]) == 2  # type: ignore[attr-defined]


def test_weights_in_another_format_are_not_read(copied: Path) -> None:
    (copied / WEIGHTS).rename(copied / "pytorch_model.bin")
    with pytest.raises(JudgeError, match="no weights in safetensors format"):
        load_judge(f"vqa:{copied}", device="cpu")


def test_weights_that_lack_a_tensor_are_refused(copied: Path) -> None:
    weights = load_file(copied / WEIGHTS)
    del weights[max(weights)]
    save_file(weights, copied / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(JudgeError, match="its weights lack 1 tensors"):
        load_judge(f"vqa:{copied}", device="cpu")


def test_weights_that_are_not_finite_are_refused(copied: Path) -> None:
    weights = load_file(copied / WEIGHTS)
    broken = {name: value * float("nan") for name, value in weights.items()}
    save_file(broken, copied / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(JudgeError, match="its answer is not finite"):
        load_judge(f"vqa:{copied}", device="cpu")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("vqa:builtin:sound", "the built-in one is vqa:builtin:vqa-judge"),
        ("vqa:nowhere", "names neither a folder nor a model on the hub"),
        ("vqa:{here}", r"has no config\.json"),
    ],
)
def test_a_name_that_is_no_model_is_refused(tmp_path: Path, spec: str, message: str) -> None:
    with pytest.raises(JudgeError, match=message):
        load_judge(spec.format(here=tmp_path), device="cpu")


def test_a_text_model_is_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config["text_config"]))
    (copied / "processor_config.json").unlink()
    with pytest.raises(JudgeError, match="cannot load its processor"):
        load_judge(f"vqa:{copied}", device="cpu")


def test_code_that_a_model_brings_is_not_run(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (copied / "config.json").write_text(json.dumps(config))
    (copied / "own.py").write_text(f"open({str(copied / 'ran')!r}, 'w')")
    with pytest.raises(JudgeError, match="cannot load its processor"):
        load_judge(f"vqa:{copied}", device="cpu")

    assert not (copied / "ran").exists()


def test_a_question_beyond_the_window_is_known_beforehand_and_without_weights(
    copied: Path,
) -> None:
    (copied / WEIGHTS).write_bytes(b"")
    short, long = tiny_prompts(2)
    long = replace(long, text=f"{long.text} {'and a star ' * 60}")
    scope = load_reader(f"vqa:{copied}").scope([short, long])

    assert scope.unjudgeable == {
        long.id: "its question and the image take more than the 256 tokens that it reads"
    }


def test_the_window_is_used_to_its_last_token(judge: VqaJudge) -> None:
    def of(words: int) -> Prompt:
        return Prompt(str(words), " ".join(["star"] * words), "any", "", ())

    prompts = [of(words) for words in range(150, 190)]
    unjudgeable = judge.scope(prompts).unjudgeable
    longest = max((p for p in prompts if p.id not in unjudgeable), key=lambda p: len(p.text))
    texts = [f"{question.text} {ORDERS[0]}" for question in questions_of(longest)]

    assert judge.text.inputs(list(images(1)), texts)["input_ids"].shape[1] == judge.window


def test_the_fingerprint_changes_with_weights_template_and_nothing_else(
    folder: Path, copied: Path, judge: VqaJudge
) -> None:
    same = load_judge(f"vqa:{copied}", device="cpu").fingerprint
    assert dict(same) == {**judge.fingerprint, "model": "copy"}

    template = copied / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    other = load_judge(f"vqa:{copied}", device="cpu").fingerprint
    changed = {key for key in same if same[key] != other[key]}
    assert changed == {"config_and_processor_sha256", "template_sha256"}
