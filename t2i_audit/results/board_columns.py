"""The columns of a leaderboard's table: the one place that names, types and explains them.

Columns that every table has come first and keep their order within a schema version. After them,
in sorted order, come those that depend on what was measured: a kind of constituent that some suite
has, and a component that some checkpoint has. So a suite of one's own changes nothing before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from t2i_audit.results.decoding import STATIONS

BoardType = Literal["string", "int64", "float64", "bool"]
"""As pandas reads it; a column of whole numbers with an empty cell is float64 there."""

SCHEMA_VERSION = 1
"""Of the tables of a leaderboard; it changes with a column's name, place, type or meaning."""

CAUSES = ("encoder", "denoiser", "chance", "not told from chance", "unclear")
SPLITS = ("seen", "held_out")
LIBRARIES = ("python", "torch", "diffusers", "transformers")


@dataclass(frozen=True)
class BoardColumn:
    """One column, and where in a row its value lies."""

    name: str
    type: BoardType
    unit: str
    """What a number counts or measures; empty for text and for names."""
    meaning: str
    optional: bool
    """Whether its cell may be empty."""
    path: tuple[str, ...]
    """Names of fields, and keys of dictionaries."""
    many: bool = False
    """Whether it holds several texts, with "; " between them."""
    derived: bool = False
    """Whether it follows from others and is not read back."""


def _text(
    name: str, meaning: str, *path: str, optional: bool = False, many: bool = False
) -> BoardColumn:
    return BoardColumn(name, "string", "", meaning, optional, path or (name,), many)


def _whole(name: str, unit: str, meaning: str, *path: str, optional: bool = False) -> BoardColumn:
    return BoardColumn(name, "int64", unit, meaning, optional, path or (name,))


def _number(name: str, unit: str, meaning: str, *path: str, optional: bool = True) -> BoardColumn:
    return BoardColumn(name, "float64", unit, meaning, optional, path or (name,))


def _interval(
    name: str, unit: str, meaning: str, counts: str, *path: str, optional: bool = True
) -> tuple[BoardColumn, ...]:
    """An estimate, the ends of its interval and its count."""
    path = path or (name,)
    return (
        _number(f"{name}_estimate", unit, meaning, *path, "estimate"),
        _number(f"{name}_lower", unit, "Lower end of its 95% interval.", *path, "lower"),
        _number(f"{name}_upper", unit, "Upper end.", *path, "upper"),
        _whole(f"{name}_n", counts, "What it rests on.", *path, "n", optional=optional),
    )


def _setting(name: str, meaning: str, kind: BoardType = "string", unit: str = "") -> BoardColumn:
    return BoardColumn(name, kind, unit, meaning, True, ("setup", name))


def _station(name: str) -> tuple[BoardColumn, ...]:
    at = f"at the {name.replace('_', ' ')}"
    share, n = "share", "prompts"
    return (
        *_interval(
            f"{name}_decodability",
            "probability",
            f"Mean over prompts of the probability of the worst-read slot's true value, {at}.",
            n,
            "decodability",
            name,
        ),
        *_interval(
            f"{name}_accuracy",
            share,
            f"Balanced accuracy of the probes {at}, mean over slots (and of each end).",
            n,
            *("controls", name, "accuracy"),
        ),
        *_interval(
            f"{name}_random_weights_accuracy",
            share,
            "The same with random weights.",
            n,
            *("controls", name, "random_weights"),
        ),
        *_interval(
            f"{name}_words_alone_accuracy",
            share,
            "The same from which words occur, without their order.",
            n,
            *("controls", name, "words_alone"),
        ),
        *_interval(
            f"{name}_gain_over_random_weights",
            share,
            "The accuracy less that with random weights.",
            n,
            *("controls", name, "gain_over_random_weights"),
        ),
        *_interval(
            f"{name}_association_auroc",
            "AUROC",
            f"Chance that a failed image's prompt is less decodable {at} than a right image's.",
            n,
            *("association", name),
        ),
        _text(
            f"{name}_association",
            "What that shows, e.g. predicts.",
            *("association_verdict", name),
            optional=True,
        ),
    )


def _cause(name: str) -> tuple[BoardColumn, ...]:
    return _interval(
        f"{name.replace(' ', '_')}_share",
        "share",
        f"Share of the wrong images whose cause is: {name}.",
        "images",
        *("attribution", name),
    )


_VERSION = BoardColumn(
    "schema_version", "int64", "", "Version of these columns.", False, (), derived=True
)

COLUMNS: tuple[BoardColumn, ...] = (
    _VERSION,
    _whole("group", "", "Only rows of one group can be compared; from 1."),
    _whole(
        "rank_best",
        "",
        "One more than the runs that are surely better.",
        *("rank", "best"),
        optional=True,
    ),
    _whole(
        "rank_worst",
        "",
        "The runs of the group less those that are surely worse.",
        *("rank", "worst"),
        optional=True,
    ),
    _whole(
        "rank_of",
        "runs",
        "Runs that are ranked; the same audit counts once.",
        *("rank", "of"),
        optional=True,
    ),
    _text("run", "Its directory."),
    _text("model", "As it was named on the command line."),
    _text("suite", "The suite of prompts."),
    _text("judge", "Whose verdicts all figures rest on."),
    _whole("prompts_asked", "prompts", "Prompts that the run was to have."),
    _whole("prompts", "prompts", "Prompts that it has.", "n_prompts"),
    _whole("seeds", "images", "Images of each prompt.", "n_seeds"),
    _whole("images", "images", "Images that were made.", "n_images"),
    *_interval("success", "share", "Judged images that are right.", "images", optional=False),
    *(
        column
        for split in SPLITS
        for column in _interval(
            f"success_{split}",
            "share",
            f"The same of prompts of the split {split}.",
            "images",
            *("success_by_split", split),
        )
    ),
    *_interval(
        "held_out_gap",
        "share",
        "Success of seen prompts less that of held-out ones.",
        "images",
        optional=False,
    ),
    *_interval(
        "corrected_success",
        "share",
        "Success corrected for the judge's errors; empty before t2i-audit calibrate.",
        "labels",
        "corrected",
        optional=False,
    ),
    *(
        column
        for split in SPLITS
        for column in _interval(
            f"corrected_success_{split}",
            "share",
            f"The same of prompts of the split {split}.",
            "labels",
            *("corrected_by_split", split),
        )
    ),
    _number(
        "success_by_guessing",
        "share",
        "Success that guessing would reach; empty for a judge that does not choose.",
        *("judge_facts", "guessing", "overall"),
    ),
    *(
        column
        for name, meaning in (
            ("shuffled", "What the judge calls right with the image of another prompt."),
            ("blank", "The same with an image of one grey."),
            ("text_only", "The same with the mean of the images."),
        )
        for column in _interval(
            f"{name}_success",
            "share",
            meaning,
            "images",
            *("judge_facts", "blind", name, "overall"),
        )
    ),
    _whole(
        "blind_sample",
        "images",
        "Images in the sample of those three.",
        *("judge_facts", "blind", "sampled"),
        optional=True,
    ),
    _text(
        "judge_weak_at",
        "What the suite asks for and the judge is known not to tell apart.",
        *("judge_facts", "weak_kinds"),
        many=True,
        optional=True,
    ),
    _text(
        "judge_shares_weights_with",
        "Text encoders of the model that the judge has too.",
        *("judge_facts", "shares_weights_with"),
        many=True,
        optional=True,
    ),
    *(column for station in STATIONS for column in _station(station)),
    *_interval(
        "repeatability",
        "correlation",
        "Of two images of one prompt being right.",
        "prompts",
        optional=False,
    ),
    _text("culprit", "What most wrong images are surely attributed to.", optional=True),
    *(column for cause in CAUSES for column in _cause(cause)),
    _number(
        "seconds_per_image",
        "s",
        "Time to sample one, without judging.",
        *("cost", "seconds_per_image"),
    ),
    _whole("timed_images", "images", "Images that were timed.", *("cost", "images"), optional=True),
    _text(
        "cost_device",
        "Name of the device that they were timed on.",
        *("cost", "device"),
        optional=True,
    ),
    _whole(
        "peak_memory_bytes",
        "bytes",
        "The most that sampling took on the device.",
        *("cost", "peak_memory_bytes"),
        optional=True,
    ),
    BoardColumn(
        "parameters",
        "int64",
        "",
        "Of all components of the checkpoint.",
        True,
        ("parameters",),
        derived=True,
    ),
    _setting("steps", "Steps of the sampler.", "int64"),
    _setting("guidance_scale", "Strength of guidance.", "float64"),
    _setting("scheduler", "Class of the sampler."),
    _setting("height", "Of an image.", "int64", "pixels"),
    _setting("width", "Of an image.", "int64", "pixels"),
    _setting("dtype", "Number format."),
    _setting("device", "Kind of device that the images were made on."),
    _setting("lora", "LoRAs with weight and start of the hash."),
    _setting("embedding", "Embeddings with start of the hash."),
    _setting("base_seed", "Seed of the run.", "int64"),
    _setting("negative_prompt", "Negative prompt."),
    _setting("commit", "Revision of the checkpoint on its hub."),
    _text("date", "When the run was begun, ISO 8601 in UTC.", "created", optional=True),
    _setting("t2i_audit", "Version that made the run."),
    *(
        _text(name, f"Version of {name.capitalize()}.", "versions", name, optional=True)
        for name in LIBRARIES
    ),
    _text("suite_sha256", "Of the suite's contents.", optional=True),
    _text("judge_sha256", "Of the judge's fingerprint: its name, version, files and questions."),
    _text("weights_sha256", "Of the checkpoint's weights.", optional=True),
    _text(
        "checkpoint_sha256", "Equal for runs of one checkpoint, whatever was sampled.", "checkpoint"
    ),
    _text("identity_sha256", "Equal for runs that are the same audit.", "identity"),
    _text(
        "ranking",
        "What the ranks of the group rest on, and how they are corrected for the number of pairs.",
        optional=True,
    ),
    _text(
        "allowed", "What the user chose to ignore when runs were grouped.", many=True, optional=True
    ),
    BoardColumn(
        "found",
        "bool",
        "",
        "FALSE where the run was gone when the table was written: the row stands as it was.",
        False,
        ("found",),
    ),
)

PAIR_COLUMNS: tuple[BoardColumn, ...] = (
    _VERSION,
    _whole("group", "", "Group of both runs."),
    _text("run", "Directory of the run with the higher success."),
    _text("other", "Directory of the other one."),
    *_interval(
        "difference",
        "share",
        "Success of the one less that of the other, paired over compositions; the intervals of all "
        "pairs of a group hold together.",
        "prompts",
        optional=False,
    ),
    _number("p_value", "", "Two-sided, of this pair alone."),
    _number("adjusted_p_value", "", "Corrected for all pairs of the group by step-down."),
    BoardColumn(
        "told_apart",
        "bool",
        "",
        "Whether the one is surely better: the adjusted p is 0.05 or less.",
        False,
        ("told_apart",),
        derived=True,
    ),
    _whole("better", "prompts", "Prompts of which the one gets more images right."),
    _whole("worse", "prompts", "Prompts of which the other does."),
    _whole("same", "prompts", "Prompts of which neither does."),
)

KIND, COMPONENT = "kind_", "parameters_"


def kind_columns(kind: str) -> tuple[BoardColumn, ...]:
    """Success of the slots of one kind of constituent."""
    return _interval(
        f"{KIND}{kind}_success",
        "share",
        f"Slots of the kind {kind} that are right, over the images.",
        "slots",
        *("success_by_kind", kind),
    )


def component_column(component: str) -> BoardColumn:
    """Parameters of one component of a checkpoint."""
    return _whole(
        f"{COMPONENT}{component}",
        "",
        f"Parameters of the component {component}.",
        *("cost", "parameters", component),
        optional=True,
    )


def board_columns(kinds: Iterable[str], components: Iterable[str]) -> tuple[BoardColumn, ...]:
    """All columns of a table whose rows have these kinds of constituents and these components."""
    return (
        *COLUMNS,
        *(column for kind in sorted(set(kinds)) for column in kind_columns(kind)),
        *(component_column(component) for component in sorted(set(components))),
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
    columns = board_columns(kinds, components)
    for expected, found in zip(columns, names, strict=False):
        if expected.name != found:
            raise ValueError(f"column {expected.name!r} should stand where {found!r} is")
    if len(columns) != len(names):
        odd = (*names[len(columns) :], *(each.name for each in columns[len(names) :]))[0]
        what = "is unknown" if odd in names else "is missing"
        raise ValueError(f"column {odd!r} {what}")
    return columns
