"""Measure the built-in judges against the oracle, on the images of every built-in generator.

    python -m scripts.judge_table [--out DIR] [--judges clip,vqa] [--labels N] [--page FILE.md]

Each generator's images are made once, in DIR/GENERATOR-oracle, and judged again by each judge. Of
these images N are drawn and labelled by the oracle, and the judge's success is corrected by them.
The oracle knows the rate of all images, so that one sees whether the interval covers it, and how
often it does over many draws of N. Everything that is done is kept in DIR: the same command goes on
where it stopped. A judge that cannot be loaded is left out and named.

The table is written between two comments of the page::

    <!-- begin judge table -->
    <!-- end judge table -->
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import t2i_audit as t2i
from scripts.manual import has_part, markdown_table, no_place, with_parts
from t2i_audit.analysis.correction import corrected_rate
from t2i_audit.analysis.labelled import Item, judged_items, opinions, slots_of, whole
from t2i_audit.analysis.labels_needed import draw_images
from t2i_audit.io import write_text
from t2i_audit.results.corrected import CorrectedRate
from t2i_audit.results.interval import Interval
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.run.tables import read_rows, table_path
from t2i_audit.stages.labelling import labels_from_rows

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "judges.md"
PART = "judge table"
GENERATORS = ("bag-of-words", "early", "misbinding", "patchy", "sound")
JUDGES = ("clip", "vqa", "geneval")
SUITE = "world-relations"
SEEDS = 2
# Of 960 images, the finite population leaves 600 labels an error of at most 2 points (95%) with a
# judge of sensitivity .84 and specificity .80 on a rate of one half.
LABELS = 600
DRAWS = 200
GOAL = 0.02  # distance from the oracle's rate
HEADINGS = (
    *("images of", "judge", "judged right", "corrected", "prediction-powered", "oracle"),
    *("distance", "covered", f"of {DRAWS} draws covered", "near", "slots covered"),
)


@dataclass(frozen=True)
class Comparison:
    """A judge's success on one generator's images, before and after correction."""

    generator: str
    judge: str
    rate: CorrectedRate
    truth: float
    """The oracle's rate of the images that the judge decided."""
    slots: tuple[tuple[CorrectedRate, float], ...]
    """The same of each slot that the judge judges."""
    draws: tuple[Interval, ...]
    """The corrected rate from other draws of labels."""

    @property
    def near(self) -> bool:
        """Whether the corrected rate is within the goal."""
        return abs(self.rate.rate.estimate - self.truth) <= GOAL

    @property
    def covered(self) -> bool:
        """Whether the corrected interval covers the oracle's rate."""
        return covers(self.rate.rate, self.truth)

    def to_row(self) -> tuple[str, ...]:
        """A line of the table."""
        slots = sum(covers(rate.rate, truth) for rate, truth in self.slots)
        covered = [covers(draw, self.truth) for draw in self.draws]
        near = [abs(draw.estimate - self.truth) <= GOAL for draw in self.draws]
        return (
            f"`{self.generator}`",
            self.judge,
            _three(self.rate.judged),
            _three(self.rate.rate),
            _three(self.rate.prediction_powered),
            f"{self.truth:.3f}",
            f"{100 * (self.rate.rate.estimate - self.truth):+.1f}",
            "yes" if self.covered else "no",
            f"{_share(covered):.0%}",
            f"{_share(near):.0%}",
            f"{slots} of {len(self.slots)}" if self.slots else "",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Make what is missing, write the table, and return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/judges"), metavar="DIR")
    parser.add_argument("--judges", default=",".join(JUDGES), metavar="A,B")
    parser.add_argument("--generators", default=",".join(GENERATORS), metavar="A,B")
    parser.add_argument("--labels", type=int, default=LABELS, metavar="N")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE.md")
    asked = parser.parse_args(argv)
    if not has_part(asked.page, PART):
        sys.exit(no_place(asked.page, PART))
    found: list[Comparison] = []
    missing: dict[str, str] = {}
    for generator in asked.generators.split(","):
        made = t2i.audit(
            f"builtin:{generator}",
            suite=SUITE,
            seeds=SEEDS,
            judge="oracle",
            denoiser_station=False,
            out=asked.out / f"{generator}-oracle",
            progress=True,
        )
        for judge in asked.judges.split(","):
            if judge not in missing:
                try:
                    found.append(compare(made, generator, judge, asked.out, n_labels=asked.labels))
                except t2i.AuditError as err:
                    missing[judge] = str(err)
                    print(f"{judge} is left out: {err}", file=sys.stderr)
    text = "\n".join(table(found, n_labels=asked.labels))
    write_text(asked.page, with_parts(asked.page, [(PART, text)]))
    print(text)
    return 0


def compare(made: t2i.Run, generator: str, judge: str, out: Path, *, n_labels: int) -> Comparison:
    """Judge the images of `made` with `judge`, and correct its success by drawn labels.

    Raises:
        AuditError: the judge cannot be loaded, or cannot judge the images.
    """
    folder = out / f"{generator}-{re.sub(r'[^A-Za-z0-9._-]+', '-', judge)}"
    run = t2i.judge(made, judge, out=folder, progress=True)
    card = t2i.calibrate(run, labels="oracle", n_labels=n_labels)
    rows = read_rows(table_path(run.path, "judgements"), "judgements")
    truths = read_rows(table_path(made.path, "judgements"), "judgements")
    items = judged_items(rows, prompts_of(run.path), opinions(labels_from_rows(truths)))
    prompts = whole(items)
    return Comparison(
        generator,
        card.judge,
        card.corrected.overall,
        _share([item.truth for item in prompts]),
        tuple(
            (card.corrected.by_slot[slot], _share([item.truth for item in own]))
            for slot, own in slots_of(items).items()
        ),
        tuple(corrected_draw(prompts, n_labels, seed) for seed in range(1, DRAWS + 1)),
    )


def corrected_draw(items: Sequence[Item], n_labels: int, seed: int) -> Interval:
    """The corrected rate of `items`, all of which are labelled, if only drawn labels were known."""
    truth = {item.image: item.truth for item in items}
    rng = np.random.default_rng(seed)
    drawn = draw_images(items, n_labels, lambda images: truth, rng=rng)
    return corrected_rate(
        [
            replace(item, weight=drawn[item.image])
            if item.image in drawn
            else replace(item, truth=None, weight=0.0)
            for item in items
        ]
    ).rate


def table(found: Sequence[Comparison], *, n_labels: int) -> Iterator[str]:
    """The lines of the table, and what it comes to."""
    yield from markdown_table(HEADINGS, (each.to_row() for each in found))
    yield ""
    raw = [covers(each.rate.judged, each.truth) for each in found]
    near, covered = (sum(getattr(each, name) for each in found) for name in ("near", "covered"))
    yield (
        f"{n_labels} labels of {SEEDS * 480} images each. Of {len(found)} corrected rates {near} "
        f"lie within {100 * GOAL:.0f} points of the oracle's and {covered} intervals cover it; of "
        f"the judges' own intervals {sum(raw)} do."
    )


def covers(interval: Interval, truth: float) -> bool:
    """Whether `truth` lies in `interval`."""
    return bool(interval.lower <= truth <= interval.upper)


def _share(values: Sequence[bool | None]) -> float:
    return sum(map(bool, values)) / len(values)


def _three(rate: Interval) -> str:
    return f"{rate.estimate:.3f} [{rate.lower:.3f}, {rate.upper:.3f}]"


if __name__ == "__main__":
    sys.exit(main())
