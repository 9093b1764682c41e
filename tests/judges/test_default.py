"""Which judges a run has: those that the user names, and the one that suits where none is named."""

from __future__ import annotations

import pytest

from t2i_audit.errors import JudgeError
from t2i_audit.judges.default import (
    DEFAULTS,
    GB,
    ChosenJudges,
    DefaultJudge,
    choose_judges,
    default_judge,
    load_chosen,
)
from t2i_audit.judges.load import judge_specs

CLIP = "clip:ViT-L-14/openai"
KINDS = ("clip", "oracle", "vqa")


@pytest.mark.parametrize(
    ("device", "free", "spec"),
    [
        ("cpu", 0, CLIP),
        ("cpu", 500 * GB, CLIP),
        ("cuda", 0, CLIP),
        ("cuda", 8 * GB - 1, CLIP),
        ("cuda", 8 * GB, "vqa:Qwen/Qwen3-VL-2B-Instruct"),
        ("cuda", 14 * GB - 1, "vqa:Qwen/Qwen3-VL-2B-Instruct"),
        ("cuda", 14 * GB, "vqa:Qwen/Qwen3-VL-4B-Instruct"),
        ("mps", 24 * GB - 1, "vqa:Qwen/Qwen3-VL-4B-Instruct"),
        ("mps", 24 * GB, "vqa:Qwen/Qwen3-VL-8B-Instruct"),
        ("cuda", 80 * GB, "vqa:Qwen/Qwen3-VL-8B-Instruct"),
    ],
)
def test_the_best_judge_that_fits_is_chosen(device: str, free: int, spec: str) -> None:
    assert default_judge(device, free, KINDS).spec == spec


def test_a_kind_of_judge_that_there_is_not_is_not_chosen() -> None:
    assert default_judge("cuda", 80 * GB, ("clip", "oracle")).spec == CLIP


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda each: each.spec)
def test_a_note_says_which_judge_was_chosen_and_why(default: DefaultJudge) -> None:
    (note,) = ChosenJudges((default.spec,), default).notes

    assert default.spec in note
    assert (f"{default.needs // GB} GB of free memory" if default.needs else "CPU") in note


@pytest.mark.parametrize(
    ("text", "model", "specs"),
    [
        ("auto", "builtin:sound", ("oracle",)),
        ("clip", "builtin:sound", ("clip",)),
        ("auto", "./mine", (CLIP,)),
        ("clip", "org/model", (CLIP,)),
        ("vqa,geneval", "builtin:sound", ("vqa", "geneval")),
        ("vqa", "org/model", ("vqa:Qwen/Qwen3-VL-2B-Instruct",)),
        ("geneval", "org/model", ("geneval:facebook/mask2former-swin-small-coco-instance",)),
        ("clip,oracle", "org/model", (CLIP, "oracle")),
        ("clip:builtin:clip-judge", "org/model", ("clip:builtin:clip-judge",)),
        ("clip:ViT-B-32/openai", "org/model", ("clip:ViT-B-32/openai",)),
    ],
)
def test_clip_alone_and_auto_depend_on_the_checkpoint(
    text: str, model: str, specs: tuple[str, ...]
) -> None:
    assert choose_judges(text, model=model, device="cpu", free=0).specs == specs


def test_only_a_judge_that_was_not_named_has_a_note() -> None:
    assert choose_judges("auto", model="org/model", device="cpu", free=0).notes
    assert not choose_judges("clip", model="org/model", device="cpu", free=0).notes
    assert not choose_judges("auto", model="builtin:sound", device="cpu", free=0).notes


def test_a_resumed_run_keeps_its_default_judge_whatever_memory_is_free() -> None:
    before = f"{DEFAULTS[1].spec},oracle"

    chosen = choose_judges("auto", model="m", device="cuda", free=0, before=before)

    assert chosen.specs == (DEFAULTS[1].spec,)


def test_the_default_judge_under_two_names_is_one_sentence() -> None:
    with pytest.raises(JudgeError, match="named twice"):
        choose_judges("auto,clip", model="org/model", device="cpu", free=0)


def test_a_default_judge_that_cannot_be_had_names_another_one() -> None:
    default = DefaultJudge("clip:no-such-model/tag", 8 * GB)
    chosen = ChosenJudges((default.spec,), default)

    with pytest.raises(JudgeError, match=f"--judge {CLIP} is another one"):
        load_chosen(chosen, (), device="cpu", strict=False)


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("oracle", ("oracle",)),
        ("oracle, clip", ("oracle", "clip")),
        ("clip:local-dir:a,b/c", ("clip:local-dir:a,b/c",)),
        ("clip:local-dir:a,b/c,oracle", ("clip:local-dir:a,b/c", "oracle")),
        ("oracle,other", ("oracle", "other")),
    ],
)
def test_judges_are_separated_by_commas_and_paths_may_hold_one(
    text: str, specs: tuple[str, ...]
) -> None:
    assert judge_specs(text) == specs


@pytest.mark.parametrize("text", ["", ",", "oracle,,clip", "oracle,clip,oracle"])
def test_what_is_no_list_of_judges_is_one_sentence(text: str) -> None:
    with pytest.raises(JudgeError):
        judge_specs(text)
