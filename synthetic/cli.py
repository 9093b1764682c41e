"""The commands ``t2i-audit synthetic ...``.

The program finds `app` by the entry point ``synthetic`` of the group ``t2i_audit.commands``. Only
light modules are imported here; whatever needs torch is imported when a command runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from synthetic.options import EncodingOptions, SweepOptions, TrainOptions, options_of
from t2i_audit.errors import AuditError
from t2i_audit.printable import print_line

app = typer.Typer(help="Validate the probe on synthetic tasks.")

AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON instead of a table.")
]


@app.command("validate")
def validate_command(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Run directory.")] = Path(
        "runs/synthetic-validate"
    ),
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", help="Processes. [default: one per core]"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The first seed.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train the validation suite and test whether the probe measures what it claims."""
    _require_at_least("--jobs", jobs, 1)
    _require_at_least("--seed", seed, 0)
    from synthetic.experiments.validate import validate
    from synthetic.report.terminal import show_validation

    _report(validate(out, jobs=jobs or _cores(), seed=seed), out, as_json, show_validation)


@app.command("encodings")
@options_of(EncodingOptions)
def encodings_command(options: EncodingOptions) -> None:
    """Train students of every encoding alike, and compare them with the paper's."""
    _require_at_least("--jobs", options.jobs, 1)
    _require_at_least("--threads", options.threads, 1)
    from synthetic.experiments.encodings import compare_encodings
    from synthetic.experiments.one_student import resolve_device
    from synthetic.experiments.runner import Work
    from synthetic.presets import preset_settings
    from synthetic.report.terminal import show_encodings

    base = preset_settings(options.preset, family="hyperteacher", **options.changes())
    device = resolve_device(options.device).type
    # A GPU trains all seeds of an encoding at once, and one encoding after the other.
    jobs = (options.jobs or _cores()) if device == "cpu" else 1
    work = Work(jobs, options.threads, device, options.save_every)
    table = compare_encodings(base, _integers("--seed", options.seed), options.out, work)
    _report(table, options.out, options.as_json, show_encodings)


@app.command("sweep")
@options_of(SweepOptions)
def sweep_command(options: SweepOptions) -> None:
    """Train any grid of students; an interrupted sweep is resumed run by run."""
    _require_at_least("--jobs", options.jobs, 1)
    _require_at_least("--threads", options.threads, 1)
    from synthetic.experiments.sweep import grid, parse_shard, sweep
    from synthetic.report.terminal import show_sweep

    axes: dict[str, list[Any]] = {
        "family": _words(options.family),
        "encoding": _words(options.encoding),
        "support": _words(options.support),
        "width": _integers("--width", options.width),
        "depth": _integers("--depth", options.depth),
        "train_fraction": _numbers("--train-fraction", options.train_fraction),
        "seed": _integers("--seed", options.seed),
    }
    result = sweep(
        grid(options.fixed_columns(), axes),
        options.out,
        jobs=options.jobs or _cores(),
        threads=options.threads,
        shard=parse_shard(options.shard),
    )
    _report(result, options.out, options.as_json, show_sweep)


@app.command("train")
@options_of(TrainOptions)
def train_command(options: TrainOptions) -> None:
    """Train one student and show its loss curve, generalization and probes."""
    _require_at_least("--threads", options.threads, 1)
    from synthetic.presets import preset_settings

    settings = preset_settings(options.preset, family=options.family, **options.changes())
    from synthetic.experiments.one_student import train_one
    from synthetic.report.terminal import show_student

    result = train_one(
        settings,
        options.out,
        device=options.device,
        precision=options.precision,  # type: ignore[arg-type]
        threads=options.threads or _cores(),
        save_every=options.save_every,
        say=lambda sentence: print_line(sentence, to=sys.stderr),
    )
    _report(result, options.out, options.as_json, show_student)


@app.command("merge")
def merge_command(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of one sweep's shards.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The joined sweep.")],
    as_json: AsJson = False,
) -> None:
    """Join the shards of a sweep, from their folders alone."""
    from synthetic.experiments.sweep import merge
    from synthetic.report.terminal import show_sweep

    _report(merge(folders, out), out, as_json, show_sweep)


def _report(result: Any, out: Path, as_json: bool, show: Callable[[Any], None]) -> None:
    """Print a command's result, as JSON or by `show`."""
    if as_json:
        from synthetic.evaluation.results import RunResult, result_to_json
        from t2i_audit.io import dump_json

        plain = result_to_json(result) if isinstance(result, RunResult) else result
        sys.stdout.write(dump_json(plain))
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


def _require_at_least(option: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise AuditError(f"{option} should be at least {least}, not {value}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
