"""Write `docs/pipeline-families.md`: what is read of each family of pipelines.

Every tiny checkpoint of `tests/families` is traced as an audit would trace it before its first
image, and each row says what came of it. Run it from the root of the repository:

    python scripts/report_families.py            # write the page
    python scripts/report_families.py --check    # exit with 1 if the page is not what it would be
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # the tests are no installed package
    sys.path.insert(0, str(ROOT))

from t2i_audit.activations.denoiser import DenoiserLayout  # noqa: E402
from t2i_audit.interventions.locating import TextInput  # noqa: E402
from t2i_audit.models import LoadedModel  # noqa: E402

PAGE = ROOT / "docs" / "pipeline-families.md"
HEAD = """# Pipeline families

<!-- Written by scripts/report_families.py; do not edit. -->

What an audit reads of the denoiser in each family of pipelines, found on tiny checkpoints with
random weights that have the structure of the real ones. `t2i-audit doctor MODEL` shows the same of
a checkpoint of yours.

- **located by**: `declared` where a row of `t2i_audit/pipelines/families.py` says where everything
  is, `search` where it is found by value. Both are checked by value before the first image.
- **searched in**: `one call` where the places hold for every prompt, `every recorded call` where
  they depend on each prompt's own length.
- **conditional**: the part of a guided batch that holds the prompts, `own call` where it has a call
  of its own, `all` where there is no other.
- **image**: the blocks in which the image is located, of those that are recorded.
- **words by attention**: text encoders whose words are read by the cross-attention paid to them.
- **words in text stream**: text encoders whose tokens are read where blocks hand them on.
- **not located**: text encoders whose tokens are not found in what the denoiser is given. Of some
  the denoiser is given no more than a pooled output.
- **erased in**: the denoiser's arguments that depend on the prompts, all of which are changed when
  a slot is erased or exchanged. `words` are erased role by role; a `vector` is one for the whole
  prompt; in `places` no words were found, and each place is erased by itself.
- **words alone**: whether the prompt's words can be encoded each by itself.

"""
COLUMNS = (
    "family", "pipeline", "denoiser", "located by", "searched in", "conditional", "blocks", "image",
    "words by attention", "words in text stream", "not located", "erased in", "words alone",
)  # fmt: skip


def row_of(
    name: str, model: LoadedModel, layout: DenoiserLayout, given: TextInput
) -> tuple[str, ...]:
    """One line of the table: the family `name`, and how its denoiser is `given` the text."""
    from t2i_audit.activations.denoiser.recorder import cross_attentions
    from t2i_audit.interventions.alone import context_refusal
    from t2i_audit.pipelines.denoiser import denoiser_blocks
    from t2i_audit.pipelines.text_encoders import text_encoders

    places, record = layout.places, layout.to_json()
    _, blocks = denoiser_blocks(model.pipeline)
    attended = {
        encoder
        for block, module in blocks.items()
        if list(cross_attentions(module))
        for encoder in places.keys.get(block) or places.states
    }
    text = {encoder for each in places.text.values() for encoder in each}
    encoders = [encoder.name for encoder in text_encoders(model.pipeline)]
    absent = [encoder for encoder in encoders if encoder not in places.states]
    return (
        name,
        type(model.pipeline).__name__,
        f"{type(model.pipeline.components[layout.component]).__name__} (`{layout.component}`)",
        layout.located_by,
        record["searched_in"],
        record["conditional"] or "not located",
        ", ".join(f"`{block}`" for block in layout.blocks),
        f"{len(places.image)} of {len(layout.blocks)}",
        _listed(sorted(attended)),
        _listed(sorted(text)),
        _listed(absent),
        ", ".join(_erased_in(given)),
        "no" if context_refusal(model, given) else "yes",
    )


def _erased_in(given: TextInput) -> list[str]:
    with_words = {each.argument for each in given.words}
    return [
        f"`{each.name}` ({_what(each.is_sequence, each in with_words)})" for each in given.arguments
    ]


def _what(is_sequence: bool, has_words: bool) -> str:
    if not is_sequence:
        return "vector"
    return "words" if has_words else "places"


def page_of(rows: Iterable[Sequence[str]]) -> str:
    """The page with the table of all `rows`."""
    rows = list(rows)
    declared = sum(row[COLUMNS.index("located by")] == "declared" for row in rows)
    lines = [
        f"{len(rows)} families, {declared} of them declared.\n",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return HEAD + "\n".join(lines) + "\n"


def rows_of_all(models: Callable[[str], LoadedModel], names: Iterable[str]) -> list[Sequence[str]]:
    """The rows of the families `names`, whose checkpoints `models` loads."""
    from t2i_audit.generation import sampling_defaults
    from t2i_audit.interventions.locating import find_text_input
    from tests.families.sampling import layout_of, sampling_of
    from tests.tiny import tiny_prompts

    prompts = tiny_prompts(4)
    rows: list[Sequence[str]] = []
    for name in names:
        model = models(name)
        guidance = sampling_defaults(model).guidance_scale
        layout = layout_of(model, name, prompts, guidance)
        given = find_text_input(model, prompts, sampling_of(name, guidance))
        rows.append(row_of(name, model, layout, given))
    return rows


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    asked = parser.parse_args(argv)
    from tests.families.checkpoints import FAMILIES
    from tests.families.loading import load_family

    with tempfile.TemporaryDirectory() as folder:
        page = page_of(rows_of_all(lambda name: load_family(name, Path(folder)), FAMILIES))
    if asked.check:
        return 0 if PAGE.read_text() == page else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
