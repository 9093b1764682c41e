"""The options of the commands that have many, as frozen dataclasses.

A field named like a column of `synthetic.records` sets that column.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from t2i_audit.settings import Device

Options = TypeVar("Options")

OutOption = Annotated[
    Path,
    typer.Option(
        "-o", "--out", metavar="DIR", help="Run directory; an interrupted run is resumed."
    ),
]
PresetOption = Annotated[
    str,
    typer.Option(
        "--preset", help="small, thorough (hours), or paper: the full setting of the paper."
    ),
]
SaveOption = Annotated[
    float,
    typer.Option("--save-every", metavar="SECONDS", min=0, help="Time between saved states."),
]
CodesOption = Annotated[str, typer.Option("--codes", help="discrete, k-hot or continuous.")]
StudentOption = Annotated[str, typer.Option("--student", help="mlp or transformer.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON instead of a table.")
]


@dataclass(frozen=True)
class SweepOptions:
    """The options of ``sweep``."""

    out: OutOption
    family: Annotated[
        str,
        typer.Option(
            "--family", help="hyperteacher, preference or hierarchy; several with commas."
        ),
    ] = "hyperteacher"
    encoding: Annotated[
        str,
        typer.Option(
            "--encoding",
            help="identity, orthogonal, language, invertible, interval-shuffle, few-shot or none.",
        ),
    ] = "identity"
    support: Annotated[
        str,
        typer.Option(
            "--support",
            help="random, balanced, disconnected, non-compositional, popular or unpopular.",
        ),
    ] = "random"
    width: Annotated[str, typer.Option("--width", metavar="N,...", help="Widths.")] = "64"
    depth: Annotated[str, typer.Option("--depth", metavar="N,...", help="Hidden layers.")] = "3"
    train_fraction: Annotated[
        str,
        typer.Option("--train-fraction", metavar="X,...", help="Shares of compositions trained."),
    ] = "0.75"
    seed: Annotated[
        str, typer.Option("--seed", metavar="N,...|A-B", help="Seeds, such as 0,1,2 or 0-4.")
    ] = "0-2"
    codes: CodesOption = "discrete"
    student: StudentOption = "mlp"
    modules: Annotated[
        int, typer.Option("--modules", metavar="M", help="Modules; symbols of the hierarchy.")
    ] = 8
    active: Annotated[
        int,
        typer.Option("--active", metavar="K", help="Most modules in a task; synonyms."),
    ] = 3
    size: Annotated[
        int,
        typer.Option("--size", metavar="N", help="Teacher's width, grid's features, or levels."),
    ] = 8
    steps: Annotated[int, typer.Option("--steps", metavar="N", help="Training steps.")] = 3000
    tasks: Annotated[int, typer.Option("--tasks", metavar="N", help="Tasks per step.")] = 64
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Samples per task.")] = 4
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", metavar="X", help="Learning rate of AdamW.")
    ] = 3e-3
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", metavar="X", help="Weight decay of AdamW.")
    ] = 3e-3
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", help="Processes. [default: one per core]"),
    ] = None
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads per process.")] = 1
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Only part I of N of the grid.")
    ] = "1/1"
    as_json: JsonOption = False

    def fixed_columns(self) -> dict[str, Any]:
        """The columns of the record that are the same for all runs."""
        names = ("codes", "student", "modules", "active", "size", "steps", "tasks", "samples")
        return {name: getattr(self, name) for name in (*names, "learning_rate", "weight_decay")}


@dataclass(frozen=True)
class EncodingOptions:
    """The options of ``encodings``; None leaves a column as the preset has it."""

    out: OutOption
    preset: PresetOption = "small"
    seed: Annotated[
        str, typer.Option("--seed", metavar="N,...|A-B", help="Seeds, such as 0,1,2 or 0-4.")
    ] = "0-2"
    modules: Annotated[int | None, typer.Option("--modules", metavar="M")] = None
    active: Annotated[int | None, typer.Option("--active", metavar="K")] = None
    width: Annotated[int | None, typer.Option("--width", metavar="N")] = None
    steps: Annotated[int | None, typer.Option("--steps", metavar="N")] = None
    device: Annotated[Device, typer.Option("--device", help="Where the students train.")] = "auto"
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", help="Processes. [default: one per core]"),
    ] = None
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Threads per process.")] = 1
    save_every: SaveOption = 60
    as_json: JsonOption = False

    def changes(self) -> dict[str, Any]:
        """The columns of the record that replace those of the preset."""
        values = {name: getattr(self, name) for name in ("modules", "active", "width", "steps")}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class TrainOptions:
    """The options of ``train``; None leaves a column as the preset has it."""

    out: OutOption
    preset: PresetOption = "small"
    family: Annotated[
        str, typer.Option("--family", help="hyperteacher, preference or hierarchy.")
    ] = "hyperteacher"
    encoding: Annotated[str, typer.Option("--encoding", help="As in sweep.")] = "identity"
    support: Annotated[str, typer.Option("--support", help="As in sweep.")] = "random"
    student: StudentOption = "mlp"
    codes: CodesOption = "discrete"
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of all that is drawn.")] = 0
    train_fraction: Annotated[
        float, typer.Option("--train-fraction", metavar="X", help="Share of compositions trained.")
    ] = 0.75
    width: Annotated[int | None, typer.Option("--width", metavar="N")] = None
    depth: Annotated[int | None, typer.Option("--depth", metavar="N")] = None
    modules: Annotated[int | None, typer.Option("--modules", metavar="M")] = None
    active: Annotated[int | None, typer.Option("--active", metavar="K")] = None
    size: Annotated[int | None, typer.Option("--size", metavar="N")] = None
    steps: Annotated[int | None, typer.Option("--steps", metavar="N")] = None
    tasks: Annotated[int | None, typer.Option("--tasks", metavar="N")] = None
    samples: Annotated[int | None, typer.Option("--samples", metavar="N")] = None
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", metavar="X")] = None
    targets: Annotated[str, typer.Option("--targets", help="true, or shuffled: a floor.")] = "true"
    device: Annotated[Device, typer.Option("--device", help="Where the student trains.")] = "auto"
    precision: Annotated[
        str, typer.Option("--precision", help="float32, or tf32 or bfloat16 on a GPU.")
    ] = "float32"
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="[default: one per core]")
    ] = None
    save_every: SaveOption = 60
    as_json: JsonOption = False

    def changes(self) -> dict[str, Any]:
        """The columns of the record, other than the family, that replace those of the preset."""
        names = ("encoding", "support", "student", "codes", "seed", "train_fraction", "targets")
        sizes = ("width", "depth", "modules", "active", "size", "steps", "tasks", "samples")
        values = {name: getattr(self, name) for name in (*names, *sizes, "learning_rate")}
        return {name: value for name, value in values.items() if value is not None}


def options_of(
    kind: type[Options],
) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Give typer the fields of `kind` as the options of a command that takes a `kind`."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)  # type: ignore[arg-type]
    ]

    def decorate(command: Callable[[Options], None]) -> Callable[..., None]:
        def with_options(**values: Any) -> None:
            command(kind(**values))

        with_options.__doc__ = command.__doc__
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_options

    return decorate
