"""The commands ``t2i-audit prompts ...``: each parses, calls the library and prints."""

from __future__ import annotations

import typer

from t2i_audit.cli.prompts.check import check
from t2i_audit.cli.prompts.diff import diff
from t2i_audit.cli.prompts.export import export
from t2i_audit.cli.prompts.filter import filter_prompts
from t2i_audit.cli.prompts.generate import generate
from t2i_audit.cli.prompts.importing import import_prompts
from t2i_audit.cli.prompts.listing import list_command
from t2i_audit.cli.prompts.show import show
from t2i_audit.cli.prompts.stats import stats

app = typer.Typer(help="Generate, import, inspect and export prompt benchmarks.")
app.command("generate", short_help="Generate prompts from a grammar.")(generate)
app.command("import", short_help="Import prompts from other benchmarks.")(import_prompts)
app.command("export", short_help="Export prompts to another format.")(export)
app.command("filter", short_help="Select prompts by conditions, or a sample.")(filter_prompts)
app.command("show", short_help="Print a sample of prompts.")(show)
app.command("stats", short_help="Print statistics of a file.")(stats)
app.command("diff", short_help="Compare two files.")(diff)
app.command("check", short_help="Check a file for faults.")(check)
app.command("list", short_help="List the shipped grammars and suites.")(list_command)
