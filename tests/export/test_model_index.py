"""The results of a run in a model card, as `huggingface_hub` reads them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from hypothesis import example, given, settings
from hypothesis import strategies as st

import t2i_audit as t2i
from t2i_audit.errors import AuditError
from t2i_audit.export.card import index_yaml, with_results
from t2i_audit.export.model_index import model_index
from t2i_audit.results.interval import Interval

OTHER = {
    "task": {"type": "text-to-image"},
    "dataset": {"type": "coco", "name": "COCO"},
    "metrics": [{"type": "fid", "value": 12.5}],
    "source": {"name": "another tool", "url": "https://example.org"},
}
CARD = """---
# What the model may be used for.
license: mit   # chosen with care
tags: [a, 'b']
model-index:
- name: Mine
  results:
  - task: {type: text-to-image}
    dataset: {type: coco, name: COCO}
    metrics:
    - {type: fid, value: 12.5}
    source: {name: another tool, url: 'https://example.org'}

# The language of the card.
language: en
---
# Mine

---
A line of dashes is text.
"""


@pytest.fixture(scope="module")
def results(audit: t2i.Run, tmp_path_factory: pytest.TempPathFactory) -> list[EvalResult]:
    out = tmp_path_factory.mktemp("exported") / "index.yaml"
    done = t2i.export(audit, to="model-index", out=out)
    name, found = model_index_to_eval_results(yaml.safe_load(out.read_text())["model-index"])
    assert name == "builtin:sound"
    assert done.figures == len(found)
    return found


def figure(results: list[EvalResult], kind: str, config: str | None = None) -> EvalResult:
    (found,) = (
        each
        for each in results
        if (each.metric_type, each.metric_config, each.dataset_split) == (kind, config, None)
    )
    return found


def assert_is(result: EvalResult, interval: Interval, unit: str) -> None:
    assert result.metric_args is not None
    assert result.metric_value == round(interval.estimate, 4)
    assert result.metric_args["n"] == interval.n
    assert result.metric_args["unit"] == unit
    ends = [result.metric_args.get(name, math.nan) for name in ("lower", "upper")]
    expected = [round(interval.lower, 4), round(interval.upper, 4)]
    assert ends == pytest.approx(expected, nan_ok=True)


def test_success_is_that_of_the_summary(results: list[EvalResult], audit: t2i.Run) -> None:
    assert audit.summary.success is not None

    assert_is(figure(results, "success"), audit.summary.success.overall, "images")


def test_what_is_undefined_is_left_out(results: list[EvalResult], audit: t2i.Run) -> None:
    # Twelve prompts are too few to decode a slot.
    assert not audit.summary.stations["denoiser"].decodability.is_defined

    assert {each.metric_type for each in results} == {"success", "slot_success"}


def test_a_kind_has_the_share_of_its_slots_that_are_right(
    results: list[EvalResult], audit: t2i.Run
) -> None:
    table = audit.table("judgements")
    own = table[table.judge == "oracle"]
    right = [
        verdict
        for slots in own.slots
        for slot, verdict in slots.items()
        if slot.endswith(".colour")
    ]

    found = figure(results, "slot_success", "colour")
    assert found.metric_value == pytest.approx(sum(right) / len(right), abs=1e-4)
    assert found.metric_args is not None
    assert found.metric_args["n"] == len(right) == 48
    assert found.metric_args["lower"] < found.metric_value < found.metric_args["upper"]


def test_a_kind_of_a_single_slot_has_the_interval_of_that_slot(
    results: list[EvalResult], audit: t2i.Run
) -> None:
    assert audit.summary.success is not None

    assert_is(
        figure(results, "slot_success", "relation"),
        audit.summary.success.by_slot["relation"],
        "slots",
    )


def test_each_result_names_suite_judge_and_source(
    results: list[EvalResult], audit: t2i.Run
) -> None:
    for each in results:
        assert each.dataset_type == "world-smoke"
        assert each.dataset_revision == audit.manifest.settings["suite_sha256"]
        assert each.dataset_args is not None
        assert each.dataset_args["judge"] == "oracle"
        assert len(each.dataset_args["judge_sha256"]) == 64
        assert (each.dataset_args["prompts"], each.dataset_args["seeds"]) == (12, 2)
        assert each.source_name == f"t2i-audit {t2i.__version__}"


def test_the_rest_of_a_card_stays_as_it_is(audit: t2i.Run, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(CARD)

    t2i.export(audit, to="model-index", card=card, source="https://example.org/run")

    before, after = CARD.splitlines(), card.read_text().splitlines()
    start, end = before.index("model-index:"), before.index("# The language of the card.")
    assert after[:start] == before[:start]
    assert after[-len(before[end:]) - 1 :] == before[end - 1 :]
    (model,) = yaml.safe_load(card.read_text().split("---\n")[1])["model-index"]
    assert (model["name"], model["results"][0]) == ("Mine", OTHER)
    assert {each["source"]["url"] for each in model["results"][1:]} == {"https://example.org/run"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "card",
    [
        CARD,
        "# A card without metadata\n",
        "",
        "---\n---\n# Empty\n",
        "---\n# only a comment\n---\n",
    ],
    ids=["whole", "without metadata", "no text", "empty metadata", "comment"],
)
def test_the_same_command_again_changes_nothing(
    audit: t2i.Run, tmp_path: Path, card: str, newline: str
) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(card.replace("\n", newline).encode())

    t2i.export(audit, to="model-index", card=path)
    once = path.read_bytes()
    t2i.export(audit, to="model-index", card=path)

    assert path.read_bytes() == once
    found = ModelCard.load(path)
    assert found.data.eval_results is not None
    ours = [each for each in found.data.eval_results if each.source_name != "another tool"]
    (model,) = model_index(audit)
    assert len(ours) == sum(len(each["metrics"]) for each in model["results"])
    if newline == "\r\n" and card == CARD:
        assert b"\n" not in once.replace(b"\r\n", b"")


def test_a_model_without_results_gets_ours(audit: t2i.Run) -> None:
    index = model_index(audit)

    card = with_results("---\nmodel-index:\n- name: Mine\n---\n", index, source="it")

    (model,) = yaml.safe_load(card.split("---\n")[1])["model-index"]
    assert model == {"name": "Mine", "results": index[0]["results"]}


def test_results_of_another_judge_stand_beside(audit: t2i.Run) -> None:
    ours = model_index(audit)
    theirs = model_index(audit)
    for each in theirs[0]["results"]:
        each["dataset"]["args"]["judge"] = "clip"

    card = with_results(with_results("", ours, source="it"), theirs, source="it")

    (model,) = yaml.safe_load(card.split("---\n")[1])["model-index"]
    assert model["results"] == [*ours[0]["results"], *theirs[0]["results"]]


NAMES = st.text(min_size=1) | st.sampled_from(
    [
        "a: b",
        "- a",
        "a\n---\nb",
        "!!python/object:os.system",
        "&a *a",
        "{a: b}",
        "a\u2028b",
        "\ufeffa",
        "null",
        "1e3",
        "'",
    ]
)


@settings(deadline=None, max_examples=50)
@given(name=NAMES, suite=NAMES)
@example(name="a", suite="\x85")
def test_hostile_names_come_back_as_they_were(name: str, suite: str) -> None:
    result: dict[str, Any] = {**OTHER, "dataset": {"type": suite, "name": suite}}
    index = [{"name": name, "results": [result]}]

    card = with_results(CARD, index, source="it")
    alone = with_results("# Text\n", index, source="it")

    assert yaml.safe_load(index_yaml(index))["model-index"] == index
    found = ModelCard(alone)
    assert isinstance(found.data, ModelCardData)
    assert found.data.eval_results is not None
    assert (found.data.model_name, found.data.eval_results[0].dataset_type) == (name, suite)
    assert found.text == "# Text\n"
    assert card.endswith(CARD.partition("# The language")[2])


def test_a_probe_exports_its_decodability_alone(probe: t2i.Run, tmp_path: Path) -> None:
    t2i.export(probe, to="model-index", out=tmp_path / "index.yaml")

    _, found = model_index_to_eval_results(
        yaml.safe_load((tmp_path / "index.yaml").read_text())["model-index"]
    )
    (only,) = found
    assert (only.metric_type, only.metric_config) == ("decodability", "text_encoder")
    assert_is(only, probe.summary.stations["text_encoder"].decodability, "prompts")
    assert only.dataset_args == {"prompts": 150}


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ("a: [", "are no YAML (line 3: "),
        ("a: !!python/object/apply:os.getcwd []", "are no YAML (line 2: could not determine"),
        ("- a\n- b", "are no mapping"),
        ("model-index: mine", "the model-index of it is no list of models"),
        ("model-index:\n- mine", "the model-index of it is no list of models"),
        ("{license: mit}", "written in a way that the results cannot be added to"),
        ("model-index: &a []\nother: *a", "written in a way that the results cannot be added to"),
        ("[" * 3000, "are no YAML"),
    ],
)
def test_metadata_that_cannot_be_used_are_named(metadata: str, sentence: str) -> None:
    with pytest.raises(AuditError) as refused:
        with_results(f"---\n{metadata}\n---\ntext", [{"name": "m", "results": []}], source="it")

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
