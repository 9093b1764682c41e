"""Which columns a table of a leaderboard has.

Columns that every table has come first and keep their order within a schema version. After them,
in sorted order, come those that depend on what was measured: a kind of constituent that some suite
has, a component that some checkpoint has, and a slot whose use some run measured. So a suite of
one's own changes nothing before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from t2i_audit.results.board_column import BoardColumn, interval, number, text, whole
from t2i_audit.results.board_columns import COLUMNS, VERSION

SCHEMA_VERSION = 1
"""Of the tables of a leaderboard; it changes with a column's name, place, type or meaning."""

PAIR_COLUMNS: tuple[BoardColumn, ...] = (
    VERSION,
    whole("group", "", "Group of both runs."),
    text("run", "Directory of the run with the higher success."),
    text("other", "Directory of the other one."),
    *interval(
        "difference",
        "share",
        "Success of the one less that of the other, paired over compositions; the intervals of all "
        "pairs of a group hold together.",
        "prompts",
        optional=False,
    ),
    number("p_value", "", "Two-sided, of this pair alone."),
    number("adjusted_p_value", "", "Corrected for all pairs of the group by step-down."),
    BoardColumn(
        "told_apart",
        "bool",
        "",
        "Whether the one is surely better: the adjusted p is 0.05 or less.",
        False,
        ("told_apart",),
        derived=True,
    ),
    whole("better", "prompts", "Prompts of which the one gets more images right."),
    whole("worse", "prompts", "Prompts of which the other does."),
    whole("same", "prompts", "Prompts of which neither does."),
)

KIND, COMPONENT, SLOT = "kind_", "parameters_", "slot_"


def kind_columns(kind: str) -> tuple[BoardColumn, ...]:
    """Success of the slots of one kind of constituent."""
    return interval(
        f"{KIND}{kind}_success",
        "share",
        f"Slots of the kind {kind} that are right, over the images.",
        "slots",
        *("success_by_kind", kind),
    )


def component_column(component: str) -> BoardColumn:
    """Parameters of one component of a checkpoint."""
    return whole(
        f"{COMPONENT}{component}",
        "",
        f"Parameters of the component {component}.",
        *("cost", "parameters", component),
        optional=True,
    )


def slot_columns(slot: str) -> tuple[BoardColumn, ...]:
    """The use of one slot of what the denoiser is given."""
    return (
        *interval(
            f"{SLOT}{slot}_use",
            "share",
            f"Images in which {slot} is right with a random subspace erased, less with it erased.",
            "images",
            *("use_by_slot", slot),
        ),
        text(
            f"{SLOT}{slot}_use_verdict",
            f"Whether the denoiser draws from {slot}.",
            *("use_verdict", slot),
            optional=True,
        ),
        text(
            f"{SLOT}{slot}_culprit",
            f"Who is to blame, by intervention, where {slot} is wrong.",
            *("use_culprit", slot),
            optional=True,
        ),
    )


def board_columns(
    kinds: Iterable[str], components: Iterable[str], slots: Iterable[str] = ()
) -> tuple[BoardColumn, ...]:
    """All columns of a table whose rows have these kinds of constituents, these components, and a
    use of these slots."""
    return (
        *COLUMNS,
        *(column for kind in sorted(set(kinds)) for column in kind_columns(kind)),
        *(component_column(component) for component in sorted(set(components))),
        *(column for slot in sorted(set(slots)) for column in slot_columns(slot)),
    )


def columns_named(names: Sequence[str]) -> tuple[BoardColumn, ...]:
    """The columns of a table that has these names.

    Raises:
        ValueError: they are not those of a leaderboard; the first one that is wrong is named.
    """
    last = "_success_n"
    kinds = [
        name.removeprefix(KIND).removesuffix(last)
        for name in names
        if name.startswith(KIND) and name.endswith(last)
    ]
    components = [name.removeprefix(COMPONENT) for name in names if name.startswith(COMPONENT)]
    slots = [
        name.removeprefix(SLOT).removesuffix("_use_n")
        for name in names
        if name.startswith(SLOT) and name.endswith("_use_n")
    ]
    columns = board_columns(kinds, components, slots)
    for expected, found in zip(columns, names, strict=False):
        if expected.name != found:
            raise ValueError(f"column {expected.name!r} should stand where {found!r} is")
    if len(columns) != len(names):
        odd = (*names[len(columns) :], *(each.name for each in columns[len(names) :]))[0]
        what = "is unknown" if odd in names else "is missing"
        raise ValueError(f"column {odd!r} {what}")
    return columns
