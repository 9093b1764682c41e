"""The commands ``t2i-audit synthetic ...``; the package is imported when one runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from t2i_audit.cli import options
from t2i_audit.errors import AuditError
from t2i_audit.printable import print_line

app = typer.Typer(help="Compositional task families that validate the probe.")

Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", help="Processes. [default: one a core]"),
]
Threads = Annotated[int, typer.Option("--threads", metavar="N", help="Threads a process.")]
Steps = Annotated[int, typer.Option("--steps", metavar="N", help="Training steps.")]
Tasks = Annotated[int, typer.Option("--tasks", metavar="N", help="Tasks a step.")]
SamplesOption = Annotated[int, typer.Option("--samples", metavar="N", help="Samples a task.")]
LearningRate = Annotated[float, typer.Option("--learning-rate", metavar="X", help="AdamW's.")]
WeightDecay = Annotated[float, typer.Option("--weight-decay", metavar="X", help="AdamW's.")]
Modules = Annotated[
    int, typer.Option("--modules", metavar="M", help="Modules; symbols of the hierarchy.")
]
Active = Annotated[
    int,
    typer.Option("--active", metavar="K", help="Most modules in a task; the hierarchy's synonyms."),
]
Size = Annotated[
    int,
    typer.Option("--size", metavar="N", help="Teacher's width, grid's features, or levels."),
]
Codes = Annotated[str, typer.Option("--codes", help="discrete, k-hot or continuous.")]
Student = Annotated[str, typer.Option("--student", help="mlp or transformer.")]


@app.command("validate")
def validate_command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Run directory.")] = Path(
        "runs/synthetic-validate"
    ),
    jobs: Jobs = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Where the seeds start.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Train the default suite of students and show that the probe measures what it claims."""
    _require("--jobs", jobs, 1)
    _require("--seed", seed, 0)
    from synthetic.report import show_validation
    from synthetic.validate import validate

    _report(validate(out, jobs=jobs or _cores(), seed=seed), out, as_json, show_validation)


@app.command("sweep")
def sweep_command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Run directory.")],
    family: Annotated[
        str, typer.Option("--family", help="hyperteacher, preference, hierarchy; or several.")
    ] = "hyperteacher",
    encoding: Annotated[
        str,
        typer.Option(
            "--encoding",
            help="identity, orthogonal, language, invertible, interval-shuffle, few-shot, none.",
        ),
    ] = "identity",
    support: Annotated[
        str,
        typer.Option(
            "--support",
            help="random, balanced, disconnected, non-compositional, popular, unpopular.",
        ),
    ] = "random",
    width: Annotated[str, typer.Option("--width", metavar="N,...", help="Widths.")] = "64",
    depth: Annotated[str, typer.Option("--depth", metavar="N,...", help="Hidden layers.")] = "3",
    train_fraction: Annotated[
        str,
        typer.Option("--train-fraction", metavar="X,...", help="Shares of compositions trained."),
    ] = "0.75",
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="N,...|A-B", help="Seeds, such as 0,1,2 or 0-4.")
    ] = "0-2",
    codes: Codes = "discrete",
    student: Student = "mlp",
    modules: Modules = 8,
    active: Active = 3,
    size: Size = 8,
    steps: Steps = 3000,
    tasks: Tasks = 64,
    samples: SamplesOption = 4,
    learning_rate: LearningRate = 3e-3,
    weight_decay: WeightDecay = 3e-3,
    jobs: Jobs = None,
    threads: Threads = 1,
    shard: Annotated[
        str, typer.Option("--shard", metavar="I/N", help="Only part I of N of the grid.")
    ] = "1/1",
    as_json: options.AsJson = False,
) -> None:
    """Train any grid of students; an interrupted sweep goes on run by run."""
    _require("--jobs", jobs, 1)
    _require("--threads", threads, 1)
    from synthetic.report import show_sweep
    from synthetic.settings import RunSettings
    from synthetic.sweep import grid, parse_shard, sweep

    axes: dict[str, list[Any]] = {
        "family": _words(family),
        "encoding": _words(encoding),
        "support": _words(support),
        "width": _integers("--width", width),
        "depth": _integers("--depth", depth),
        "train_fraction": _numbers("--train-fraction", train_fraction),
        "seed": _integers("--seeds", seeds),
    }
    fixed: dict[str, Any] = {
        "codes": codes,
        "student": student,
        "modules": modules,
        "active": active,
        "size": size,
        "steps": steps,
        "tasks": tasks,
        "samples": samples,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
    }
    # The first cell gives the other settings a valid ground to stand on.
    base = RunSettings(**fixed, **{name: values[0] for name, values in axes.items() if values})
    result = sweep(
        grid(base, **axes), out, jobs=jobs or _cores(), threads=threads, shard=parse_shard(shard)
    )
    _report(result, out, as_json, show_sweep)


@app.command("train")
def train_command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Run directory.")],
    preset: Annotated[
        str, typer.Option("--preset", help="small, or paper: the paper's full setting.")
    ] = "small",
    family: Annotated[
        str, typer.Option("--family", help="hyperteacher, preference or hierarchy.")
    ] = "hyperteacher",
    encoding: Annotated[str, typer.Option("--encoding", help="As in sweep.")] = "identity",
    support: Annotated[str, typer.Option("--support", help="As in sweep.")] = "random",
    student: Student = "mlp",
    codes: Codes = "discrete",
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    train_fraction: Annotated[
        float, typer.Option("--train-fraction", metavar="X", help="Share of compositions trained.")
    ] = 0.75,
    width: Annotated[int | None, typer.Option("--width", metavar="N")] = None,
    depth: Annotated[int | None, typer.Option("--depth", metavar="N")] = None,
    modules: Annotated[int | None, typer.Option("--modules", metavar="M")] = None,
    active: Annotated[int | None, typer.Option("--active", metavar="K")] = None,
    size: Annotated[int | None, typer.Option("--size", metavar="N")] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N")] = None,
    tasks: Annotated[int | None, typer.Option("--tasks", metavar="N")] = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", metavar="X")] = None,
    targets: Annotated[str, typer.Option("--targets", help="true, or shuffled: a floor.")] = "true",
    device: options.DeviceOption = "auto",
    precision: Annotated[
        str, typer.Option("--precision", help="float32, or tf32 or bfloat16 on a GPU.")
    ] = "float32",
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", help="[default: one a core]")
    ] = None,
    save_every: Annotated[
        float,
        typer.Option("--save-every", metavar="SECONDS", min=0, help="How often its state is kept."),
    ] = 60,
    as_json: options.AsJson = False,
) -> None:
    """Train one student: its curve, its generalization, its probe; interrupted, it goes on."""
    _require("--threads", threads, 1)
    from synthetic.settings import preset_settings

    given = {
        "width": width,
        "depth": depth,
        "modules": modules,
        "active": active,
        "size": size,
        "steps": steps,
        "tasks": tasks,
        "samples": samples,
        "learning_rate": learning_rate,
    }
    settings = preset_settings(
        preset,
        family=family,
        encoding=encoding,
        support=support,
        student=student,
        codes=codes,
        seed=seed,
        train_fraction=train_fraction,
        targets=targets,
        **{name: value for name, value in given.items() if value is not None},
    )
    from synthetic.report import show_student
    from synthetic.single import train_one

    result = train_one(
        settings,
        out,
        device=device,
        precision=precision,  # type: ignore[arg-type]
        threads=threads or _cores(),
        save_every=save_every,
        say=lambda sentence: print_line(sentence, to=sys.stderr),
    )
    _report(result, out, as_json, show_student)


@app.command("merge")
def merge_command(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of one sweep's shards.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The joined sweep.")],
    as_json: options.AsJson = False,
) -> None:
    """Join the shards of a sweep; no more is needed than their folders."""
    from synthetic.report import show_sweep
    from synthetic.sweep import merge

    _report(merge(folders, out), out, as_json, show_sweep)


def _report(result: Any, out: Path, as_json: bool, show: Callable[[Any], None]) -> None:
    """Print a command's result, as JSON or by `show`."""
    if as_json:
        from t2i_audit.io import dump_json

        sys.stdout.write(dump_json(result))
        return
    from t2i_audit.report.tables import console

    show(result)
    console().print(f"Run directory: {out}", soft_wrap=True)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _integers(option: str, text: str) -> list[int]:
    """``0,2`` and ``0-2`` as whole numbers."""
    numbers: list[int] = []
    for word in _words(text):
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise AuditError(f"{option} should be whole numbers such as 0,1,2 or 0-4, not {text!r}")
        numbers += range(int(first), int(last) + 1) if dash else [int(first)]
    if not numbers:
        raise AuditError(f"{option} should be whole numbers such as 0,1,2 or 0-4, not {text!r}")
    return numbers


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(word) for word in _words(text)]
    except ValueError as err:
        raise AuditError(f"{option} should be numbers such as 0.5,0.75, not {text!r}") from err


def _require(option: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise AuditError(f"{option} should be at least {least}, not {value}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
