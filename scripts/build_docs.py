"""Write the generated parts of the manual.

    python -m scripts.build_docs [--check]

A page in ``docs/`` marks each generated part with a pair of comments::

    <!-- begin generated: NAME -->
    <!-- end generated: NAME -->

What stands between them is replaced by what the generator `NAME` returns. With ``--check`` nothing
is written, and the exit code is 1 if a page is not up to date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t2i_audit.run.columns import Column

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PART = re.compile(
    r"(<!-- begin generated: (?P<name>[\w-]+) -->\n).*?(<!-- end generated: (?P=name) -->)",
    re.DOTALL,
)
# What the public names return and take; each is documented beneath them.
API_TYPES = (
    "t2i_audit.results.decoding.StationSummary",
    "t2i_audit.results.decoding.SlotDecoding",
    "t2i_audit.results.decoding.SlotEstimates",
    "t2i_audit.results.measures.Measure",
    "t2i_audit.results.success.SuccessRates",
    "t2i_audit.results.success.PairRates",
    "t2i_audit.results.success.Repeatability",
    "t2i_audit.results.association.Association",
    "t2i_audit.results.association.Support",
    "t2i_audit.results.association.OddsRatio",
    "t2i_audit.results.associations.RunAssociations",
    "t2i_audit.results.associations.PointCorrelation",
    "t2i_audit.results.associations.StationDifference",
    "t2i_audit.results.associations.Point",
    "t2i_audit.results.attribution.AttributionShares",
    "t2i_audit.results.judge_facts.JudgeFacts",
    "t2i_audit.results.judge_facts.GuessRates",
    "t2i_audit.results.judge_facts.BlindBaselines",
    "t2i_audit.results.judge_facts.BlindRate",
    "t2i_audit.results.readings.ProbeReading",
    "t2i_audit.results.corrected.Corrected",
    "t2i_audit.results.corrected.CorrectedRate",
    "t2i_audit.results.judge_card.Agreement",
    "t2i_audit.results.judge_card.Calibration",
    "t2i_audit.results.judge_card.ReliabilityBin",
    "t2i_audit.results.judge_card.RaterAgreement",
    "t2i_audit.results.label_plan.LabelsNeeded",
    "t2i_audit.results.plan.GroupPlan",
    "t2i_audit.results.plan.ExpectedRate",
    "t2i_audit.results.plan.AssociationPlan",
    "t2i_audit.results.plan.SlotPlan",
    "t2i_audit.results.taken.Taken",
    "t2i_audit.results.cost.Cost",
    "t2i_audit.results.use.SlotUse",
    "t2i_audit.results.use.ContextNeed",
    "t2i_audit.results.use.SlotCulprit",
    "t2i_audit.results.use_plan.PlannedImages",
    "t2i_audit.results.forecast.PromptForecast",
    "t2i_audit.results.forecast.SlotRisk",
    "t2i_audit.results.forecast.Trust",
    "t2i_audit.results.forecast.ReliabilityPoint",
    "t2i_audit.results.leaderboard.LeaderboardRow",
    "t2i_audit.results.leaderboard.Rank",
    "t2i_audit.results.leaderboard.RunPair",
    "t2i_audit.results.leaderboard.RunGroup",
    "t2i_audit.results.leaderboard.StationControls",
    "t2i_audit.run.manifest.Manifest",
    "t2i_audit.models.loaded.LoadedModel",
    "t2i_audit.pipelines.adapter.PipelineAdapter",
    "prompts.suite.Suite",
    "prompts.structure.Prompt",
    "prompts.structure.Constituent",
    "prompts.structure.Foil",
)


def command_line() -> str:
    """Every command of the program with its arguments and options."""
    return "\n".join(line for names, command in commands() for line in _command(names, command))


def columns() -> str:
    """Every column of every table of a run."""
    from t2i_audit.run.columns import COLUMNS

    lines: list[str] = []
    for name, table in COLUMNS.items():
        lines += [f"### `{name}.parquet`", "", *_column_table(table, empty="null")]
    return "\n".join(lines)


def export_columns() -> str:
    """The columns of the table that `t2i-audit export --to csv` writes."""
    from t2i_audit.export.table import COLUMNS

    return "\n".join(_column_table(COLUMNS, empty="empty"))


def board_columns() -> str:
    """Every column that all leaderboards have, and those of the pairs."""
    from t2i_audit.results.board_columns import COLUMNS
    from t2i_audit.results.board_tables import PAIR_COLUMNS

    lines: list[str] = []
    for name, table in (("FILE.csv", COLUMNS), ("--pairs FILE.csv", PAIR_COLUMNS)):
        rows = [
            (f"`{each.name}`", each.type, each.unit, "yes" if each.optional else "", each.meaning)
            for each in table
        ]
        lines += [f"### `{name}`", ""]
        lines += _table(("column", "type", "unit", "may be empty", "meaning"), rows)
    return "\n".join(lines)


def checkpoints() -> str:
    """The built-in checkpoints and the figures of their model cards."""
    from t2i_audit.models import list_models

    models = list_models()
    rows = [(f"`{i.name}`", i.kind, f"{i.size / 1e6:.1f} MB", i.summary) for i in models]
    lines = _table(("name", "kind", "size", "what it is"), rows)
    for info in models:
        card = (info.path / "README.md").read_text(encoding="utf-8")
        lines += [f"## `{info.name}`", "", card.replace("\n## ", "\n### ").strip(), ""]
    return "\n".join(lines)


def python_api() -> str:
    """Directives for mkdocstrings: the names of ``t2i_audit``, then the types they return."""
    import t2i_audit

    names = [name for name in getattr(t2i_audit, "__all__", ()) if not name.startswith("_")]
    public = {name: getattr(t2i_audit, name) for name in names}
    functions = [_place_of(each) for each in public.values() if not isinstance(each, type)]
    classes = [_place_of(each) for each in public.values() if isinstance(each, type)]
    types = [*classes, *API_TYPES]
    lines: list[str] = []
    for heading, paths in (("Functions", functions), ("Types", types)):
        if paths:
            lines += [f"## {heading}", ""]
            lines += [line for path in paths for line in (f"::: {path}", "")]
    return "\n".join(lines)


def _column_table(columns: Iterable[Column], *, empty: str) -> list[str]:
    rows = [
        (f"`{each.name}`", each.type, each.unit, "yes" if each.optional else "", each.meaning)
        for each in columns
    ]
    return _table(("column", "type", "unit", empty, "meaning"), rows)


GENERATORS: dict[str, Callable[[], str]] = {
    "command-line": command_line,
    "columns": columns,
    "export-columns": export_columns,
    "board-columns": board_columns,
    "checkpoints": checkpoints,
    "python-api": python_api,
}


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that can be run, with the words that call it."""
    import typer.main

    from t2i_audit.cli.main import app

    yield from _walk(("t2i-audit",), typer.main.get_command(app))


def filled(page: str) -> str:
    """`page` with every generated part made anew."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{GENERATORS[match['name']]().strip()}\n\n{match[3]}"

    return PART.sub(part, page)


def pages() -> list[Path]:
    """The pages of the manual that have generated parts."""
    return [path for path in sorted(DOCS.rglob("*.md")) if PART.search(path.read_text("utf-8"))]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the generated parts, or check them; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the manual.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if stale")
    check = parser.parse_args(argv).check
    stale = []
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if after != before:
            stale.append(path.relative_to(ROOT))
            if not check:
                path.write_text(after, encoding="utf-8")
    for path in stale:
        print(f"{path} {'is out of date; run python -m scripts.build_docs' * check or 'written'}")
    return int(check and bool(stale))


def _walk(names: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(command, "commands"):
        yield names, command
        return
    import typer

    # Commands of other packages are only looked up by these two methods.
    context = typer.Context(command, info_name=" ".join(names))
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if not child.hidden:
            yield from _walk((*names, name), child)


def _command(names: Sequence[str], command: Any) -> Iterator[str]:
    import typer

    from t2i_audit.cli.help import GROUPS

    context = typer.Context(command, info_name=" ".join(names))
    yield from (f"## `{' '.join(names)}`", "", _help(command.help), "")
    yield from ("```text", " ".join([*names, *command.collect_usage_pieces(context)]), "```", "")
    # Grouped and in order as the help of the command groups them.
    headings = {name: f"{name} options" for name in GROUPS}
    panels: dict[str, list[tuple[str, ...]]] = {
        each: [] for each in ("Arguments", *headings.values())
    }
    grouped = any(one.rich_help_panel for one in command.params)
    for one in command.params:
        record = one.get_help_record(context)
        if record is None:
            continue
        name, panel = record[0], "Arguments"
        if one.param_type_name == "argument":
            name = re.sub(r" <[^<>]*>$", "", name)  # the type, which says nothing to a reader
        else:
            group = one.rich_help_panel or GROUPS[0]
            panel = headings[group] if grouped else "Options"
        meaning, default = _split_default(record[1])
        panels.setdefault(panel, []).append((f"`{name}`", default, meaning))
    for panel, rows in panels.items():
        if rows:
            yield from _table((panel, "default", "meaning"), rows)


def _split_default(text: str) -> tuple[str, str]:
    """An option's help without its default, and the default."""
    found = re.findall(r"\[default: (.*?)\]", text)
    meaning = re.sub(r"\s*\[(default: .*?|required)\]", "", text)
    default = "required" if "[required]" in text else found[0] if found else ""
    return " ".join(meaning.split()), default


def _help(text: str | None) -> str:
    """Help of several paragraphs; typer sets those after a ``\\b`` as they are."""
    paragraphs = []
    for paragraph in (text or "").split("\n\n"):
        kept = paragraph.strip("\n").removeprefix("\b\n")
        as_it_is = "\b" in paragraph
        paragraphs.append(f"```text\n{kept}\n```" if as_it_is else " ".join(kept.split()))
    return "\n\n".join(paragraphs)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, with a blank line after it."""
    lines = [headings, ["---"] * len(headings), *rows]
    return [*("| " + " | ".join(map(_cell, line)) + " |" for line in lines), ""]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _place_of(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


if __name__ == "__main__":
    sys.exit(main())
