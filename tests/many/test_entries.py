"""Files of models: what they may hold, and that anything else is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from t2i_audit.errors import AuditError
from t2i_audit.many.entries import entries_of
from t2i_audit.settings import AuditSettings, all_option_fields


def read(tmp_path: Path, text: str | bytes) -> list[Any]:
    path = tmp_path / "models.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(entries_of([str(path)]))


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(AuditError) as caught:
        read(tmp_path, text)
    said = str(caught.value).removeprefix(f"{tmp_path}/")
    assert "\n" not in said and len(said) < 250
    return said


def test_a_file_is_a_list_of_names_and_of_settings(tmp_path: Path) -> None:
    first, second = read(
        tmp_path, "- builtin:sound\n- {id: org/b, steps: 4, lora: [a.safetensors]}"
    )

    assert (first.model, first.own) == ("builtin:sound", {})
    assert (second.model, second.own) == ("org/b", {"steps": 4, "lora": ("a.safetensors",)})


def test_defaults_are_those_of_all_models_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    path.write_text("defaults: {steps: 4}\nmodels: [{model: a, steps: 8}, b]")

    entries = entries_of([str(path), "c"])

    assert [(e.model, e.defaults, e.own) for e in entries] == [
        ("a", {"steps": 4}, {"steps": 8}),
        ("b", {"steps": 4}, {}),
        ("c", {}, {}),
    ]


def test_one_value_stands_for_a_list_of_one_and_auto_for_none(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, "- {model: a, lora: 'b.safetensors:0.5', batch_size: auto}")

    assert entry.own == {"lora": ("b.safetensors:0.5",), "batch_size": None}


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nmodels: [*c]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no list of models"),
        ("builtin:sound", "holds no list of models"),
        ("[]", "holds no list of models"),
        ("models: {model: a}", "holds no list of models"),
        ("model: a", "'model' is neither `models` nor `defaults`"),
        ("- model: a\n\tsteps: 4", "models.yaml, line 2: found character '\\t'"),
        ("- {model: a", "models.yaml, line 1: expected ',' or '}'"),
        ("- {model: a, steps: 4, steps: 5}", "models.yaml, line 1: 'steps' stands twice"),
        (BOMB, "models.yaml, line 2: an alias (*name) is not taken"),
        ("- &a [*a]", "line 1: an alias (*name) is not taken"),
        ("- {steps: 4}", "entry 1 has no model"),
        ("- {model: }", "entry 1 has no model"),
        ("- {model: 1.5}", "entry 1: model should be text, not 1.5 (text that looks like"),
        ("- {model: a, id: b}", "entry 1 has both model and id"),
        ("- a\n- [b]", "entry 2 should be a model's name or its settings, not ['b']"),
        ("- a\n- 3", "entry 2 should be a model's name or its settings, not 3"),
        ("- {model: a, out: b}", "entry 1 (a): out is no setting of one of several; every model"),
        ("- {model: a, shard: 1/2}", "shard is no setting of one of several; it divides"),
        ("- {model: a, trust_remote_code: a}", "only said by --trust-remote-code"),
        ("- {model: a, stepss: 4}", "there is no setting 'stepss'; did you mean steps?"),
        ("- {model: a, 3: 4}", "there is no setting 3"),
        ("- {model: a, [3]: 4}", "models.yaml, line 1: found unhashable key"),
        ("- {model: a, steps: '4'}", "entry 1 (a): steps should be a valid integer, not '4'"),
        ("- {model: a, steps: yes}", "steps should be a valid integer, not True (text that"),
        ("- {model: a, revision: 1.0}", "revision should be a valid string, not 1.0 (text that"),
        ("- {model: a, revision: 2024-01-31}", "revision cannot be used, not datetime.date(2024"),
        ("- {model: a, revision: 2024-13-31}", "models.yaml is no YAML: month must be in 1..12"),
        ("- {model: a, dtype: float8}", "dtype should be 'auto', 'float32', 'float16' or"),
        ("- {model: a, batch_size: big}", "--batch-size should be a whole number or auto"),
        ("- {model: a, lora: [1]}", "lora should be a valid string"),
        ("- {model: a, name: 3}", "entry 1 (a): name should be text, not 3"),
        ("defaults: [4]\nmodels: [a]", "models.yaml, defaults should be settings such as"),
        ("defaults: {model: a}\nmodels: [a]", "defaults: model is of one model"),
        ("defaults: {stepss: 4}\nmodels: [a]", "models.yaml, defaults: there is no setting"),
        ("- !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("[" * 5000, "is nested too deeply"),
        (b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        ("- a # " + "x" * 1_000_000, "is larger than 1,000,000 bytes"),
        ("- a\x00b", "is no YAML"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path, text)


def test_a_file_that_is_missing_is_named() -> None:
    with pytest.raises(AuditError, match=r"nowhere\.yaml cannot be read: No such file"):
        entries_of(["nowhere.yaml"])


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(AuditError, match="no model is named"):
        entries_of([])


def test_settings_in_python_are_named_by_their_place() -> None:
    with pytest.raises(AuditError, match=r"entry 2 \(b\): there is no setting 'step'"):
        entries_of(["a", {"model": "b", "step": 4}])


PLAIN = st.text(st.characters(exclude_categories=["C"], max_codepoint=0x2FF), max_size=12)
OF_TYPES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(0, 99),
    int | None: st.integers(1, 99),
    float | None: st.floats(0, 99),
    bool: st.booleans(),
    str: PLAIN,
    str | None: st.none() | PLAIN,
    tuple[str, ...]: st.lists(PLAIN, max_size=2).map(tuple),
}
SETTINGS = {
    each.name: OF_TYPES[each.type]
    for each in all_option_fields(AuditSettings)
    if each.type in OF_TYPES
    and each.option.parse is None
    and each.name not in ("model", "shard", "trust_remote_code")
}


@given(st.fixed_dictionaries({}, optional=SETTINGS))
def test_settings_that_are_written_as_yaml_are_read_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> None:
    assert {"steps", "lora", "scheduler", "height", "attention_slicing"} <= SETTINGS.keys()
    written = {key: list(v) if isinstance(v, tuple) else v for key, v in settings.items()}

    (entry,) = read(
        tmp_path_factory.getbasetemp(), yaml.safe_dump([{"model": "a", **written}], width=10_000)
    )

    assert entry.own == settings


@given(st.text(st.sampled_from("[]{}-:,&*!|>#'\"\n\t abmodels0.~%@\x00\ufeff"), max_size=40))
def test_any_text_is_a_list_of_models_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    try:
        assert read(tmp_path_factory.getbasetemp(), text)
    except AuditError as err:
        assert "\n" not in str(err)
