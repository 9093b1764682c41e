"""The columns of every table of a run: the one place that names, types and explains them.

Types are ``string``, ``int32``, ``float64``, ``bool`` and ``json`` (a string that holds JSON).
An undefined number is NaN; a value that does not exist is null, in optional columns only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["string", "int32", "float64", "bool", "json"]
TableName = Literal["prompts", "probes", "decodability", "judgements", "attributions", "use"]


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: ColumnType
    unit: str
    """What a number counts or measures; empty for text and for names."""
    meaning: str
    optional: bool = False
    """Whether null may stand in it."""


_PROMPT_ID = Column("prompt_id", "string", "", "The prompt's id in its suite.")
_STATION = Column("station", "string", "", "Where it was read: text_encoder or denoiser.")
_SLOT = Column("slot", "string", "", "Role in the prompt, e.g. object_1.colour or relation.")


def _measured(name: str, unit: str, meaning: str) -> tuple[Column, ...]:
    """A measure of the probes beside its control and its baseline."""
    return Column(name, "float64", unit, meaning), *_beside(name, unit)


def _beside(name: str, unit: str) -> tuple[Column, ...]:
    return (
        Column(f"random_weights_{name}", "float64", unit, "The same with random weights."),
        Column(f"presence_{name}", "float64", unit, "The same of the words-alone baseline."),
    )


COLUMNS: dict[TableName, tuple[Column, ...]] = {
    "prompts": (
        _PROMPT_ID,
        Column("text", "string", "", "The prompt as the checkpoint receives it."),
        Column("type", "string", "", "Prompt type, e.g. relation."),
        Column("template", "string", "", "The wording it was written with."),
        Column(
            "split", "string", "", "seen or held_out, where the suite has a split.", optional=True
        ),
        Column("composition", "string", "", "Content without wording; clusters of the bootstrap."),
        Column("constituents", "json", "", "List of slot, kind, value, start, end, entities."),
        Column("foils", "json", "", "List of text and change: minimal changes that are false."),
        Column("metadata", "json", "", "Other columns of the file it was imported from."),
        Column(
            "tokens",
            "int32",
            "tokens",
            "Length in the encoder that needs most, ends included; null where none was probed.",
            optional=True,
        ),
        Column(
            "truncated",
            "bool",
            "",
            "Whether it is longer than any of the encoders reads; null where none was probed.",
            optional=True,
        ),
        Column(
            "reading",
            "json",
            "",
            "Object: text encoder to what it gets: whole, cut_off, changed, not_found, not_finite.",
        ),
    ),
    "probes": (
        _STATION,
        Column("encoder", "string", "", "Component of the pipeline, e.g. text_encoder_2 or unet."),
        Column(
            "layer",
            "string",
            "",
            "embeddings, block_N, final_norm, pooled, or a module with @step_N.",
        ),
        Column(
            "position",
            "string",
            "",
            "eos, pooled, mean, grid, or the slot whose words are read; with @encoder: the text "
            "tokens inside the denoiser. A slot of such a name is quoted, see results/place.py.",
        ),
        _SLOT,
        Column("n", "int32", "prompts", "Prompts with an out-of-fold prediction."),
        Column("masked", "int32", "prompts", "Tests whose class the fold's training rows lack."),
        Column("n_classes", "int32", "classes", "Values that the slot takes."),
        Column(
            "chance",
            "float64",
            "share",
            "Of a guess among all values: 1 / n_classes; more where tests are masked.",
        ),
        Column(
            "r2",
            "float64",
            "share",
            "Variance explained, mean over the one-hot outputs; negative if worse than the mean.",
        ),
        Column("balanced_accuracy", "float64", "share", "Mean over classes of the share right."),
        Column(
            "balanced_accuracy_lower",
            "float64",
            "share",
            "Lower end, over compositions; the fit as given.",
        ),
        Column(
            "balanced_accuracy_upper",
            "float64",
            "share",
            "Upper end, over compositions; the fit as given.",
        ),
        Column("shuffled_balanced_accuracy", "float64", "share", "The same with labels shuffled."),
        Column(
            "random_weights_balanced_accuracy",
            "float64",
            "share",
            "The same place with random weights, mean over draws; NaN if not run there.",
        ),
        Column(
            "presence_balanced_accuracy",
            "float64",
            "share",
            "The words-alone baseline: which words occur, without their order.",
        ),
        *_beside("r2", "share"),
        *_measured(
            "code_length", "bits", "Bits per prompt after 16 to 64 prompts; NaN if not read."
        ),
        *_measured(
            "shared_readout",
            "share",
            "Balanced accuracy of one map for all entities, at their nouns; NaN elsewhere.",
        ),
        *_measured(
            "transferred_readout",
            "share",
            "The same, learned from the other entities only.",
        ),
    ),
    "decodability": (
        _PROMPT_ID,
        _STATION,
        _SLOT,
        Column(
            "probability",
            "float64",
            "probability",
            "Of the true value, out of fold; NaN if masked.",
        ),
        Column("lower", "float64", "probability", "One standard error of the fit below."),
        Column("upper", "float64", "probability", "One standard error of the fit above."),
        Column("presence_probability", "float64", "probability", "The words-alone baseline's."),
    ),
    "judgements": (
        _PROMPT_ID,
        Column("seed", "int32", "", "Seed index, from 0."),
        Column("image", "string", "", "File in the run directory."),
        Column("image_sha256", "string", "", "SHA-256 of the file that was judged."),
        Column("judge", "string", "", "The judge's name."),
        Column(
            "correct",
            "bool",
            "",
            "Whether the image shows the prompt; null if that is undecided.",
            optional=True,
        ),
        Column("readable", "bool", "", "Whether the judge could tell what is in the image."),
        Column("margin", "float64", "judge's score", "Caption over its best rival; NaN if unread."),
        Column(
            "chosen",
            "string",
            "",
            "The caption chosen, or what the judge read. The prompt without one of its things: the "
            "judge finds no trace of that thing.",
        ),
        Column(
            "slots",
            "json",
            "",
            "Object: slot to whether it is right, null where the judge abstains; empty if it "
            "judges no slots.",
        ),
        Column(
            "probability",
            "float64",
            "probability",
            "That the prompt is true of the image, in the judge's opinion; NaN if it has none.",
        ),
        Column("slot_probabilities", "json", "", "Object: slot to the same for the slot."),
        Column("scores", "json", "", "Object: name to any other score; larger is better."),
        Column("flaw", "string", "", "Why `correct` is null.", optional=True),
    ),
    "attributions": (
        _PROMPT_ID,
        Column("judged", "int32", "images", "Images of the prompt that could be judged."),
        Column("success_rate", "float64", "share", "Of the judged images; NaN if none was."),
        Column("failing", "bool", "", "Whether at least one judged image is wrong."),
        Column(
            "cause",
            "string",
            "",
            "That with the largest weight; null if the prompt does not fail, or its words were not "
            "found in what a text encoder gets.",
            optional=True,
        ),
        Column(
            "detail",
            "string",
            "",
            "lost_on_the_way_in, held_not_drawn or unclear; null where there is none.",
            optional=True,
        ),
        Column(
            "weights",
            "json",
            "",
            "Object: cause (encoder, denoiser and chance, or not told from chance; unclear) to the "
            "number of images that it accounts for; these sum to the prompt's wrong images.",
        ),
        Column("needed_slots", "json", "", "List of the slots that a wrong image depends on."),
        Column("lost_slots", "json", "", "List of those that are rather lost than held."),
        Column("text_decodability", "float64", "probability", "Weakest slot at the text encoder."),
        Column(
            "denoiser_decodability", "float64", "probability", "The same at the denoiser, or NaN."
        ),
    ),
    "use": (
        _PROMPT_ID,
        Column("seed", "int32", "", "Seed index; the noise is that of the run's own image."),
        Column(
            "site",
            "string",
            "",
            "Where it was changed: text, what the denoiser is given, or a block of the denoiser; "
            "unchanged: the run's own image, judged by the prompt with `target` in the slot.",
        ),
        Column(
            "kind",
            "string",
            "",
            "erase: the slot was linearly erased; random: a random subspace of the same rank was; "
            "steer: the slot was exchanged for `target`; context: every word was encoded by "
            "itself.",
        ),
        Column("slot", "string", "", "The slot that was changed; empty for context."),
        Column(
            "target",
            "string",
            "",
            "The value that it was exchanged for; null but for steer.",
            optional=True,
        ),
        Column(
            "correct",
            "bool",
            "",
            "Whether the image shows the prompt, for steer the prompt with `target` in the slot; "
            "null if that is undecided.",
            optional=True,
        ),
        Column(
            "slots",
            "json",
            "",
            "Object: slot to whether it is right, as in the table judgements; for steer, judged "
            "with `target` in the slot.",
        ),
        Column("image", "string", "", "File in the run directory."),
        Column("image_sha256", "string", "", "SHA-256 of the file that was judged."),
    ),
}
OPTIONAL: tuple[TableName, ...] = ("use",)
"""Tables that only some runs have."""


def column_names(name: TableName) -> tuple[str, ...]:
    """The names of a table's columns, in order."""
    return tuple(column.name for column in COLUMNS[name])


def schema_of(name: TableName) -> pa.Schema:
    """The Arrow schema of a table."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "json": pa.string(),
        "int32": pa.int32(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
    }
    return pa.schema(
        [
            pa.field(column.name, types[column.type], nullable=column.optional)
            for column in COLUMNS[name]
        ]
    )


def check_table(name: TableName, table: pa.Table) -> None:
    """Refuse a table that is not as documented.

    Raises:
        ValueError: a column is missing, unknown or out of order, has another type, or holds null
            where it may not.
    """
    names = column_names(name)
    if tuple(table.column_names) != names:
        unlike = sorted(set(table.column_names) ^ set(names))
        what = f"differs in {', '.join(unlike)}" if unlike else "has them in another order"
        raise ValueError(f"table {name!r} should have the columns {list(names)}; it {what}")
    for column, field in zip(COLUMNS[name], schema_of(name), strict=True):
        found = table.schema.field(column.name).type
        if found != field.type:
            raise ValueError(f"{name}.{column.name} should be {field.type}; got {found}")
    check_nulls(name, table)


def check_nulls(name: TableName, table: pa.Table) -> None:
    """Refuse null where it may not stand, in those columns that `table` has.

    Raises:
        ValueError: a column holds null and is not optional.
    """
    for column in COLUMNS[name]:
        if column.optional or column.name not in table.column_names:
            continue
        if table.column(column.name).null_count:
            raise ValueError(f"{name}.{column.name} should hold no null")
