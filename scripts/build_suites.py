"""Write the shipped suites from their recipes: ``python -m scripts.build_suites``."""

from __future__ import annotations

import random

from prompts.suites import SHIPPED, dump_prompts
from prompts.world import sample_suite
from t2i_audit.io import write_text

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
    "world-smoke": (9, (("one_object", "seen", 8), ("relation", "seen", 40))),
}


def main() -> None:
    """Build every suite; the same recipe always gives the same file."""
    SHIPPED.mkdir(exist_ok=True)
    for name, (seed, counts) in RECIPES.items():
        prompts = list(sample_suite(counts, seed=seed))  # type: ignore[arg-type]
        random.Random(seed).shuffle(prompts)
        write_text(SHIPPED / f"{name}.jsonl", dump_prompts(tuple(prompts)))
        print(f"{name}: {len(prompts)} prompts")


if __name__ == "__main__":
    main()
