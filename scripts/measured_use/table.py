"""The tables of use per slot and built-in checkpoint, and of who is named in suites drawn anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.manual import markdown_table, part_of, with_parts
from scripts.measured_use.suites import Named
from t2i_audit.results.use import SlotUse, Use

PART, TABLES = "use table", "the tables"
USE_HEADINGS = (
    *("checkpoint", "slot", "images", "right", "control", "erased", "use", "followed"),
    *("words alone", "verdict", "culprit"),
)
NAMED_HEADINGS = (
    *("checkpoint", "named rightly", "prompts of a suite", "drawn from", "share"),
    *("somebody else named", "every slot named", "unclear slots"),
)
FIGURE = "images/use.png"

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """The rows of both tables by checkpoint, as the page shows them."""

    use: dict[str, tuple[Cells, ...]] = field(default_factory=dict)
    named: dict[str, tuple[Cells, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, uses: Mapping[str, Use], named: Iterable[Named]) -> Tables:
        """What was measured."""
        return cls(
            {model: tuple(_use_rows(model, use)) for model, use in uses.items()},
            {each.model: (_named_row(each),) for each in named},
        )

    @classmethod
    def read(cls, page: Path) -> Tables:
        """What `page` shows; nothing where it has other columns."""
        found: tuple[dict[str, tuple[Cells, ...]], ...] = ({}, {})
        for line in part_of(page, PART).splitlines():
            cells = tuple(line[2:-2].split(" | "))
            for headings, rows in zip((USE_HEADINGS, NAMED_HEADINGS), found, strict=True):
                if cells[0].startswith("`") and len(cells) == len(headings):
                    model = cells[0].strip("`")
                    rows[model] = (*rows.get(model, ()), cells)
        return cls(*found)

    def beside(self, others: Tables, order: Sequence[str]) -> Tables:
        """These, and of `others` the checkpoints that these lack; in the given order."""
        use, named = others.use | self.use, others.named | self.named
        return Tables(
            {model: use[model] for model in order if model in use},
            {model: named[model] for model in order if model in named},
        )


def lines(tables: Tables) -> Iterator[str]:
    """The lines between the two comments of the page."""
    yield from markdown_table(USE_HEADINGS, _all(tables.use))
    yield ""
    yield f"![Use of each slot by each built-in checkpoint]({FIGURE})"
    yield ""
    yield (
        "Named rightly in suites that were drawn from the prompts drawn anew, disjoint as far as "
        "these allow:"
    )
    yield ""
    yield from markdown_table(NAMED_HEADINGS, _all(tables.named))


def page_with(page: Path, text: str) -> str:
    """The text of `page` with `text` in its place.

    Raises:
        ValueError: the page has no place for it.
    """
    return with_parts(page, [(PART, text)], what=TABLES)


def _all(rows: Mapping[str, Iterable[Cells]]) -> Iterator[Cells]:
    for each in rows.values():
        yield from each


def _use_rows(model: str, use: Use) -> Iterator[Cells]:
    alone = {each.slot: str(each.alone) for each in use.context}
    culprits = {each.slot: each.culprit for each in use.culprits}
    for each in use.given:
        yield (
            f"`{model}`",
            each.slot,
            f"{each.use.n:,}",
            *map(str, (each.unchanged, each.random, each.erased, each.use)),
            _followed(each),
            alone.get(each.slot, ""),
            each.verdict,
            culprits.get(each.slot, ""),
        )


def _followed(each: SlotUse) -> str:
    return "" if each.followed is None else str(each.followed)


def _named_row(each: Named) -> Cells:
    unclear = ", ".join(f"{slot} {count}" for slot, count in each.unclear.items() if count)
    return (
        f"`{each.model}`",
        f"{each.right} of {each.suites}",
        f"{each.prompts}",
        f"{each.pool}",
        str(each.share),
        f"{each.wrong} of {each.suites}",
        f"{each.every} of {each.suites}",
        unclear or "none",
    )
