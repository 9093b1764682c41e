"""Write the shipped suites from their recipes: ``python -m scripts.build_suites``."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prompts.formats.native import Header, dump_header, dump_prompt, json_schema
from prompts.generate import generate
from prompts.grammar.load import load_grammar
from prompts.splits import split_prompts
from prompts.structure import Prompt
from prompts.suite import SHIPPED, dump_prompts
from prompts.world import sample_suite
from t2i_audit.io import write_json, write_text

LICENCE = "CC0-1.0"
SCHEMA = Path("prompts/formats/schema.json")

# (prompt type, split, prompts); a suite's rows are shuffled so that `--limit` keeps the mixture.
RECIPES = {
    "world": (
        7,
        (
            ("one_object", "seen", 40),
            ("one_object", "held_out", 9),
            ("two_objects", "seen", 60),
            ("relation", "seen", 240),
            ("relation", "held_out", 120),
        ),
    ),
    "world-relations": (8, (("relation", "seen", 320), ("relation", "held_out", 160))),
    # Every prompt with a number that there is: four numbers of 27 seen and 9 held-out pairs, in two
    # wordings.
    "world-counting": (10, (("count", "seen", 216), ("count", "held_out", 72))),
    "world-smoke": (9, (("one_object", "seen", 8), ("relation", "seen", 40))),
}


@dataclass(frozen=True)
class Recipe:
    """A suite drawn from the shipped grammar of the same name."""

    seed: int
    prompts: int
    held_out: float | None = None
    """Share of compositions to withhold."""


# A rate over n prompts, each right or wrong in all of its images, has a 95% interval of
# +-1.96 sqrt(0.25 / n) at worst; 1,068 prompts put it at 3 points, whatever the number of seeds.
GRAMMAR_RECIPES = {
    "attributes": Recipe(11, 1080, held_out=0.2),
    "relations": Recipe(12, 1080, held_out=0.2),
    "counting": Recipe(13, 1080, held_out=0.2),
    "complex": Recipe(14, 1080),
    "smoke": Recipe(15, 60),
}


def main() -> None:
    """Build every suite; the same recipe always gives the same file."""
    SHIPPED.mkdir(exist_ok=True)
    for name, (seed, counts) in RECIPES.items():
        prompts = list(sample_suite(counts, seed=seed))  # type: ignore[arg-type]
        random.Random(seed).shuffle(prompts)
        write_text(SHIPPED / f"{name}.jsonl", dump_prompts(tuple(prompts)))
        print(f"{name}: {len(prompts)} prompts")
    for name, recipe in GRAMMAR_RECIPES.items():
        write_text(SHIPPED / f"{name}.jsonl", "".join(suite_lines(name, recipe)))
        print(f"{name}: {recipe.prompts} prompts")
    write_json(Path(__file__).parents[1] / SCHEMA, json.loads(json.dumps(json_schema())))


def suite_lines(name: str, recipe: Recipe) -> Iterator[str]:
    """The lines of a suite's file, header first."""
    grammar = load_grammar(name)

    def draw() -> Iterator[Prompt]:
        return generate(grammar, recipe.prompts, seed=recipe.seed)

    prompts, certificate = draw(), None
    if recipe.held_out is not None:
        prompts, certificate = split_prompts(draw, recipe.held_out, seed=recipe.seed)
    yield dump_header(
        Header(
            source=f"grammar {name}, sha256 {grammar.sha256}",
            licence=LICENCE,
            seed=recipe.seed,
            balance="types",
            certificate=certificate,
        )
    )
    yield from map(dump_prompt, prompts)


if __name__ == "__main__":
    main()
