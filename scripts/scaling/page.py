"""The tables of the page, written between its comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.manual import markdown_table, with_parts
from scripts.scaling.correlations import (
    OUTCOMES,
    Correlation,
    correlations,
    last_of_each_training,
    mean_use,
    slot_correlations,
)
from scripts.scaling.recipes import GENERATORS, TRAININGS, Training
from scripts.scaling.rows import Row
from t2i_audit.analysis.over_models import FEWEST
from t2i_audit.results.interval import Interval

PARTS = ("recipes", "generators", "correlations", "independent", "slots")


def page_with(page: Path, rows: Sequence[Row]) -> str:
    """The text of `page` with every table in its place.

    Raises:
        ValueError: the page lacks the place of a table.
    """
    parts = ((name, "\n".join(lines)) for name, lines in tables(rows).items())
    return with_parts(page, parts, what="a table")


def tables(rows: Sequence[Row]) -> Mapping[str, list[str]]:
    """The lines of every table by its name in the page."""
    found = correlations(rows)
    alone = correlations(last_of_each_training(rows))
    slots = slot_correlations(rows)
    return dict(
        zip(
            PARTS,
            (
                list(_recipes(rows)),
                list(_generators(rows)),
                list(_correlations(found)),
                list(_correlations(alone)),
                list(_slots(slots)),
            ),
            strict=True,
        )
    )


def _recipes(rows: Sequence[Row]) -> Iterator[str]:
    have = {row.name for row in rows}
    yield from markdown_table(
        ("training", "support", "pairs", "compositional", "connected", "compositions", "pictures",
         "widths", "high noise", "seed", "steps, those measured in bold"),
        (_recipe(training, have) for training in TRAININGS),
    )  # fmt: skip
    trainings = {row.trained.training for row in rows}
    yield ""
    few = (
        f" With fewer than {FEWEST} trainings nothing is said of what success goes with: the "
        "tables of correlations are empty until there are more rows."
    )
    yield (
        f"{len(rows)} of {len(GENERATORS)} generators are measured, of {len(trainings)} "
        f"training{'s' * (len(trainings) != 1)}.{few if len(trainings) < FEWEST else ''}"
    )


def _recipe(training: Training, have: set[str]) -> Sequence[str]:
    support = training.support
    steps = (
        f"**{step:,}**" if f"{training.name}-{step}" in have else f"{step:,}"
        for step in training.steps
    )
    return (
        training.name,
        support.name,
        str(len(support.pairs)),
        "yes" if support.compositional else "no",
        "yes" if support.connected else "no",
        "all" if training.compositions is None else str(training.compositions),
        f"{training.pictures:,}",
        f"{training.widths[0]}, {training.widths[1]}",
        f"{training.high_noise_share:.0%}",
        str(training.seed),
        ", ".join(steps),
    )


def _generators(rows: Sequence[Row]) -> Iterator[str]:
    yield from markdown_table(
        ("generator", "loss", "held out", "seen", "objects' slots, held out",
         "relation, held out", "use, mean of slots", "denoiser, mean of slots"),
        (_generator(row) for row in rows),
    )  # fmt: skip


def _generator(row: Row) -> Sequence[str]:
    slots = row.held_out.by_slot
    objects = [value.estimate for slot, value in slots.items() if slot.startswith("object")]
    return (
        row.name,
        f"{row.loss.estimate:.3f}",
        str(row.held_out.overall),
        str(row.seen.overall),
        f"{sum(objects) / len(objects):.2f}",
        f"{slots['relation'].estimate:.2f}",
        str(mean_use(row)) if row.use else "not measured yet",
        str(row.stations["denoiser"]["accuracy"]),
    )


def _correlations(found: Sequence[Correlation]) -> Iterator[str]:
    by_figure: dict[tuple[str, str], list[Correlation]] = {}
    for each in found:
        by_figure.setdefault((each.place, each.figure), []).append(each)
    headings = ["place", "figure", "range", "generators, trainings"]
    for outcome in OUTCOMES:
        headings += [f"{outcome}: Pearson", "Spearman", "without errors"]
    yield from markdown_table(headings, (_line(both) for both in by_figure.values()))


def _line(both: Sequence[Correlation]) -> Sequence[str]:
    first = both[0]
    cells = [first.place.replace("_", " "), first.figure, _range(first), _counts(first)]
    for each in both:
        cells += _cells(each)
    return cells


def _slots(found: Sequence[Correlation]) -> Iterator[str]:
    yield from markdown_table(
        ("slot", "place", "figure", "range", "generators, trainings", "Pearson", "Spearman",
         "without errors"),
        (
            (
                each.figure,
                each.place.replace("_", " "),
                "accuracy" if " step " in each.place else "use",
                _range(each),
                _counts(each),
                *_cells(each),
            )
            for each in found
        ),
    )  # fmt: skip


def _range(found: Correlation) -> str:
    values = [point.decodability.estimate for point in found.pearson.points]
    return f"{min(values):.2f} to {max(values):.2f}" if values else ""


def _counts(found: Correlation) -> str:
    return f"{len(found.pearson.points)}, {found.trainings}"


def _cells(found: Correlation) -> tuple[str, str, str]:
    return (
        _interval(found.pearson.correlation),
        _interval(found.spearman),
        _interval(found.exact),
    )


def _interval(found: Interval) -> str:
    return str(found) if found.is_defined else "-"
