"""Settings typed out as a command are read back as the same settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from t2i_audit.cli.parameters import with_settings
from t2i_audit.settings import AuditSettings, JudgeSettings, ProbeSettings, settings_from
from t2i_audit.settings.typed import typed

# With a colon, a text could be a URL, or a weight after a path.
LETTERS = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters=":")
TEXT = st.text(LETTERS, min_size=1, max_size=12)
WORD = TEXT.filter(lambda text: text.strip() and not text.startswith("-"))
NUMBER = st.integers(1, 500)


def received(kind: type, words: list[str]) -> Any:
    """The settings that a command of this `kind` gets from these words."""
    found: list[Any] = []
    program = typer.Typer(rich_markup_mode=None)

    @program.command()
    @with_settings(kind)
    def command(settings: Any) -> None:
        found.append(settings)

    program(words, standalone_mode=False)
    return found[0]


@examples(deadline=None)
@given(
    st.fixed_dictionaries(
        {"model": WORD, "suite": WORD, "out": TEXT.map(Path)},
        optional={
            "limit": NUMBER,
            "seeds": NUMBER,
            "steps": NUMBER,
            "guidance_scale": st.floats(0, 20),
            "batch_size": st.none() | NUMBER,
            # What follows a colon is its weight.
            "lora": st.lists(TEXT.filter(lambda text: ":" not in text), max_size=3).map(tuple),
            "quantize": st.sampled_from(["nf4", "int8", "fp8"]),
            "negative_prompt": TEXT,
            "denoiser_station": st.booleans(),
            "strict": st.booleans(),
            "vae_tiling": st.booleans(),
            "compile": st.booleans(),
            "judge": WORD,
        },
    )
)
def test_an_audit_is_typed_and_read_back(values: dict[str, Any]) -> None:
    settings = settings_from(AuditSettings, values)

    assert received(AuditSettings, typed(settings)) == settings


def test_a_probe_of_a_text_encoder_is_typed_without_a_model() -> None:
    settings = ProbeSettings(text_encoder="folder", tokenizer=Path("other"), out=Path("x"))

    assert received(ProbeSettings, typed(settings)) == settings


def test_the_judging_of_images_is_typed_and_read_back() -> None:
    values = {"run": Path("a b"), "judge": "oracle", "out": Path("x"), "probe": "m", "limit": 3}
    settings = settings_from(JudgeSettings, values)

    assert received(JudgeSettings, typed(settings)) == settings
