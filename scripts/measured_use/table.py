"""The tables of use per slot and built-in checkpoint, and of who is named in suites drawn anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.manual import markdown_table, with_parts
from scripts.measured_use.suites import Named
from t2i_audit.results.use import SlotUse, Use

PART, TABLES = "use table", "the tables"
USE_HEADINGS = (
    *("checkpoint", "slot", "images", "right", "control", "erased", "use", "followed"),
    *("words alone", "verdict", "culprit"),
)
NAMED_HEADINGS = (
    *("checkpoint", "named rightly", "share", "somebody else named", "every slot named"),
    "unclear slots",
)
FIGURE = "images/use.png"


def lines(uses: Mapping[str, Use], named: Sequence[Named]) -> Iterator[str]:
    """The lines between the two comments of the page."""
    yield from markdown_table(USE_HEADINGS, _use_rows(uses))
    yield ""
    yield f"![Use of each slot by each built-in checkpoint]({FIGURE})"
    if named:
        first = named[0]
        yield ""
        yield (
            f"Named rightly in {first.suites} suites of {first.prompts} prompts, drawn from the "
            f"{min(each.pool for each in named)} prompts that were drawn anew and disjoint as far "
            "as these allow:"
        )
        yield ""
        yield from markdown_table(NAMED_HEADINGS, map(_named_row, named))


def page_with(page: Path, text: str) -> str:
    """The text of `page` with `text` in its place.

    Raises:
        ValueError: the page has no place for it.
    """
    return with_parts(page, [(PART, text)], what=TABLES)


def _use_rows(uses: Mapping[str, Use]) -> Iterator[Sequence[str]]:
    for model, use in uses.items():
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


def _named_row(each: Named) -> Sequence[str]:
    unclear = ", ".join(f"{slot} {count}" for slot, count in each.unclear.items() if count)
    return (
        f"`{each.model}`",
        f"{each.right} of {each.suites}",
        str(each.share),
        f"{each.wrong} of {each.suites}",
        f"{each.every} of {each.suites}",
        unclear,
    )
