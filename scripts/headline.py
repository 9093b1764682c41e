"""Which measure of decodability is the headline figure, by the rule of docs/method.md.

    python -m scripts.headline RUN... [--out DIR] [--page FILE.md]

Each RUN is a finished audit of another checkpoint, with images and the states that it recorded. Its
networks (the checkpoint, and each draw of random weights) are probed one by one; their figures are
kept in DIR, so that the same command goes on where it stopped. The table is written between two
comments of the page::

    <!-- begin headline table -->
    <!-- end headline table -->
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import t2i_audit as t2i
from scripts.manual import has_part, markdown_table, no_place, with_parts
from t2i_audit.activations.readable import feature_blocks
from t2i_audit.io import read_json, write_json, write_text
from t2i_audit.probes import SlotProbe, probe_station
from t2i_audit.results.interval import Interval
from t2i_audit.results.run_prompts import prompts_of
from t2i_audit.run.features import open_features
from t2i_audit.stats.jackknife import Scale, clusters_of, jackknife, jackknife_interval

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "method.md"
PART = "headline table"
DENOISER = "denoiser"
# Where each station's states are, and how the folders of its random weights begin.
FOLDERS = {
    "text_encoder": ("text_encoder", "random_weights"),
    DENOISER: (DENOISER, "random_denoiser"),
}
ACCURACY = "balanced_accuracy"
# From the simplest on.
MEASURES = ("r2", "code_length", "shared_readout", "transferred_readout")
NAMES = {
    ACCURACY: "balanced accuracy",
    "r2": "R2",
    "code_length": "code length",
    "shared_readout": "shared readout",
    "transferred_readout": "transferred readout",
}
# Its text encoder is blind to order by construction.
BLIND = "builtin:bag-of-words"
DRAWN_RIGHT = 0.9
TIE = 0.005
FEWEST_CHECKPOINTS = 3
HEADINGS = (
    *("measure", "separation A", "A at text encoders", "A at denoisers", "rho"),
    *("score S", "S less accuracy's", "beats it"),
)

Figures = dict[str, float]
"""By measure; larger is better."""


@dataclass(frozen=True)
class Cell:
    """One slot of one checkpoint at one station."""

    checkpoint: str
    station: str
    slot: str
    success: float
    """Share of the images in which the slot is right."""
    own: Figures
    draws: tuple[Figures, ...]
    """Of each draw of random weights."""

    @property
    def must_be_held(self) -> bool:
        """Whether the trained network must hold the slot."""
        blind = self.checkpoint == BLIND and self.station != DENOISER
        return self.success >= DRAWN_RIGHT and not blind

    def has(self, measure: str) -> bool:
        """Whether `measure` is defined for the network and for a draw of random weights."""
        return not math.isnan(self.own.get(measure, math.nan)) and bool(self.drawn(measure))

    def drawn(self, measure: str) -> list[float]:
        """What `measure` is of each draw that it is defined for."""
        values = [each.get(measure, math.nan) for each in self.draws]
        return [value for value in values if not math.isnan(value)]


def cells_of(run: t2i.Run, kept: Path) -> list[Cell]:
    """The cells of a run; what the probes give is kept in the file `kept`."""
    success = run.summary.success
    if success is None or not success.by_slot or DENOISER not in run.summary.stations:
        raise t2i.AuditError(
            f"{run.path} has no success by slot or no denoiser; give an audit with both"
        )
    if not kept.exists():
        write_json(kept, {name: list(_networks(run, name)) for name in FOLDERS})
    return [
        Cell(
            run.summary.model,
            station,
            slot,
            success.by_slot[slot].estimate,
            _defined(own),
            tuple(_defined(draw[slot]) for draw in draws if slot in draw),
        )
        for station, (network, *draws) in read_json(kept).items()
        for slot, own in network.items()
        if slot in success.by_slot
    ]


def _networks(run: t2i.Run, station: str) -> Iterator[dict[str, Figures]]:
    """By slot the figures of the checkpoint, then those of each draw of random weights."""
    own, random = FOLDERS[station]
    prompts = prompts_of(run.path)
    states = run.path / "activations"
    for folder in (states / own, *sorted(states.glob(f"{random}*"))):
        probes = probe_station(prompts, feature_blocks(open_features(folder), prompts))
        slots = {name for prompt in prompts for name in (part.slot for part in prompt.constituents)}
        yield {slot: figures(probes.slots[slot]) for slot in sorted(slots)}


def figures(probe: SlotProbe) -> Figures:
    """Every candidate of a slot; larger is better."""
    found = {name: each.own.estimate for name, each in probe.measures.items()}
    if "code_length" in found:
        found["code_length"] = 1 - found["code_length"] / -math.log2(probe.chance)
    return {ACCURACY: probe.balanced_accuracy.estimate, **found}


def _defined(values: Mapping[str, float | None]) -> Figures:
    return {name: value for name, value in values.items() if value is not None}


def separation(cells: Sequence[Cell], measure: str) -> float:
    """`A`: how often the trained network exceeds one with random weights, where it must."""
    found = [_exceeds(cell, measure) for cell in cells if cell.must_be_held]
    return float(np.mean(found)) if found else math.nan


def _exceeds(cell: Cell, measure: str) -> float:
    gains = [cell.own[measure] - value for value in cell.drawn(measure)]
    return float(np.mean([0.5 if abs(gain) < TIE else float(gain > 0) for gain in gains]))


def association(cells: Sequence[Cell], measure: str) -> float:
    """`rho`: Spearman's correlation with success over checkpoints, mean over the slots."""
    from scipy import stats

    found = []
    for slot in sorted({cell.slot for cell in cells}):
        own = [cell for cell in cells if cell.slot == slot and cell.station == DENOISER]
        points = [cell.own[measure] for cell in own], [cell.success for cell in own]
        if len(own) > 1 and all(len(set(each)) > 1 for each in points):
            found.append(stats.spearmanr(*points).statistic)
    return float(np.mean(found)) if found else math.nan


def score(cells: Sequence[Cell], measure: str) -> float:
    """`S`."""
    return (separation(cells, measure) + (1 + association(cells, measure)) / 2) / 2


@dataclass(frozen=True)
class Line:
    """A measure in the table, over the cells in which it and the accuracy are defined."""

    measure: str
    separation: Interval
    by_station: tuple[Interval, ...]
    """The separation at the text encoders and at the denoisers."""
    association: Interval
    score: Interval
    difference: Interval
    """From the accuracy's score."""

    @property
    def beats(self) -> bool:
        """Whether it beats the accuracy."""
        return self.difference.lower > 0

    def to_row(self) -> tuple[str, ...]:
        """A line of the table."""
        compared = self.measure != ACCURACY
        return (
            NAMES[self.measure],
            str(self.separation),
            *(f"{each}, {each.n} cells" for each in self.by_station),
            str(self.association),
            str(self.score),
            str(self.difference) if compared else "",
            ("yes" if self.beats else "no") if compared else "",
        )


def line(cells: Sequence[Cell], measure: str, *, than: str = ACCURACY) -> Line:
    """`measure` beside the measure `than`, with jackknife intervals over checkpoints."""
    own = [cell for cell in cells if cell.has(measure) and cell.has(than)]

    def difference(taken: Sequence[Cell]) -> float:
        return score(taken, measure) - score(taken, than)

    def of(statistic: Callable[[Sequence[Cell], str], float]) -> Callable[[Sequence[Cell]], float]:
        return lambda taken: statistic(taken, measure)

    return Line(
        measure,
        _interval(own, of(separation), "share"),
        tuple(
            _interval([cell for cell in own if cell.station == each], of(separation), "share")
            for each in FOLDERS
        ),
        _interval(own, of(association), "correlation"),
        _interval(own, of(score), "share"),
        _interval(own, difference, "difference"),
    )


def _interval(
    cells: Sequence[Cell], statistic: Callable[[Sequence[Cell]], float], scale: Scale
) -> Interval:
    groups = clusters_of([cell.checkpoint for cell in cells])
    found = jackknife(lambda rows: statistic([cells[row] for row in rows]), groups)
    return jackknife_interval(
        found.estimate,
        found.variance,
        scale=scale,
        n=sum(cell.must_be_held for cell in cells),
        smaller=len(groups.members),
    )


def headline(cells: Sequence[Cell]) -> str:
    """The measure that the rule chooses."""
    chosen = ACCURACY
    for measure in MEASURES:
        if any(cell.has(measure) for cell in cells) and line(cells, measure, than=chosen).beats:
            chosen = measure
    return chosen


def table(cells: Sequence[Cell]) -> Iterator[str]:
    """The lines of the table, and what the rule makes of it."""
    measures = [each for each in MEASURES if any(cell.has(each) for cell in cells)]
    lines = (line(cells, measure).to_row() for measure in (ACCURACY, *measures))
    yield from markdown_table(HEADINGS, lines)
    yield ""
    checkpoints = sorted({cell.checkpoint.removeprefix("builtin:") for cell in cells})
    draws = sorted({len(cell.draws) for cell in cells})
    yield (
        f"{len(checkpoints)} checkpoints ({', '.join(checkpoints)}), "
        f"{' or '.join(map(str, draws))} draw(s) of random weights each; intervals over "
        f"checkpoints. By the rule the headline figure is **{NAMES[headline(cells)]}**."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Probe what is missing, write the table, and return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, default=Path("runs/headline"), metavar="DIR")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE.md")
    asked = parser.parse_args(argv)
    if not has_part(asked.page, PART):
        sys.exit(no_place(asked.page, PART))
    cells: list[Cell] = []
    for path in asked.runs:
        try:
            cells += cells_of(t2i.load_run(path), asked.out / f"{path.resolve().name}.json")
        except t2i.AuditError as err:
            sys.exit(str(err))
        print(f"{path}: done", file=sys.stderr)
    if len({cell.checkpoint for cell in cells}) < FEWEST_CHECKPOINTS:
        sys.exit(f"give runs of at least {FEWEST_CHECKPOINTS} different checkpoints")
    text = "\n".join(table(cells))
    write_text(asked.page, with_parts(asked.page, [(PART, text)]))
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
