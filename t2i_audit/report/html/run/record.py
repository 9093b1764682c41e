"""How the run was made: the command, its settings, what it took, and the versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.io import dump_json
from t2i_audit.printable import counted, printable
from t2i_audit.report.html.chart import Table
from t2i_audit.report.html.page import Section
from t2i_audit.results.cost import GIBIBYTE, Cost, read_cost
from t2i_audit.results.run import Run
from t2i_audit.run.command import command_of

HASHES = {"weights_sha256": "weights (SHA-256)", "suite_sha256": "prompts (SHA-256)"}


def record_section(run: Run) -> Section:
    """The last section: how to make the run again, and all that it depended on."""
    settings = run.manifest.settings
    command, fault = _command(run)
    corrected = run.summary.corrected
    return Section(
        "record",
        "How this was made",
        "run/record.html",
        {
            "command": command,
            "fault": fault,
            "corrected": ""
            if corrected is None
            else printable(f"t2i-audit calibrate then took {corrected.labels} as labels."),
            "settings": Table("Settings", ("setting", "value"), tuple(_settings(settings, run))),
            "cost": Table("What it took", ("measure", "value"), tuple(_costs(read_cost(run.path)))),
            "versions": Table(
                "Versions", ("library", "version"), tuple(run.manifest.versions.items())
            ),
            "everything": dump_json(settings),
        },
    )


def _command(run: Run) -> tuple[str, str]:
    try:
        return command_of(run.path, str(run.manifest.settings.get("command"))), ""
    except RunDirectoryError:
        return "", "The run kept no settings from which its command could be written again."


def _settings(settings: Mapping[str, Any], run: Run) -> Iterator[tuple[str, str]]:
    summary = run.summary
    yield "model", printable(summary.model)
    if settings.get("pipeline"):
        yield "pipeline", printable(str(settings["pipeline"]))
    size = counted(summary.n_prompts, "prompt")
    yield "prompts", printable(f"{summary.suite}, {size}")
    if summary.n_images:
        yield "images", f"{summary.n_images:,} with {counted(summary.n_seeds, 'seed')} a prompt"
    for name, value in _sampler(settings.get("sampler")):
        yield name, printable(value)
    for judge in summary.judges:
        yield "judge", printable(judge.name)
    for name in ("seed", "dtype", "quantization", "device", "commit", "lora", "embedding"):
        if settings.get(name) not in (None, [], ""):
            yield name, printable(str(settings[name]))
    for name, shown in HASHES.items():
        if settings.get(name):
            yield shown, printable(str(settings[name]))
    yield "begun", printable(run.manifest.created)


def _sampler(sampler: object) -> Iterator[tuple[str, str]]:
    if not isinstance(sampler, dict):
        return
    for name in ("scheduler", "steps", "guidance_scale", "negative_prompt"):
        if sampler.get(name) is not None:
            yield name.replace("_", " "), str(sampler[name])
    if sampler.get("height") and sampler.get("width"):
        yield "size", f"{sampler['width']} x {sampler['height']} pixels"


def _costs(cost: Cost | None) -> Iterator[tuple[str, str]]:
    if cost is None:
        return
    if cost.device:
        yield "device", printable(cost.device)
    timed = counted(cost.images, "image")
    yield "seconds per image", f"{cost.seconds_per_image:.3g} (over {timed}, without judging)"
    if cost.peak_memory_bytes is not None:
        yield "peak memory", f"{cost.peak_memory_bytes / GIBIBYTE:.3g} GiB"
    for component, count in cost.parameters.items():
        yield f"parameters of {printable(component)}", f"{count:,}"
