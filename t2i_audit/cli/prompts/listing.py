"""The command ``t2i-audit prompts list``."""

from __future__ import annotations

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams


def list_command(as_json: options.AsJson = False) -> None:
    """List the shipped grammars with their numbers of distinct prompts, and the shipped suites."""
    from prompts.generate import capacities
    from prompts.grammar.load import list_grammars, load_grammar
    from prompts.suite import list_suites, load_suite

    grammars = {name: capacities(load_grammar(name)) for name in list_grammars()}
    suites = {name: load_suite(name) for name in list_suites()}
    if as_json:
        content = {
            "grammars": grammars,
            "suites": {
                name: {"prompts": len(suite.prompts), "sha256": suite.sha256}
                for name, suite in suites.items()
            },
        }
        streams.print_json(content)
        return
    from t2i_audit.report.tables import print_table

    print_table(
        ("grammar", "prompt type", "distinct prompts"),
        [
            (name if index == 0 else "", type_, str(capacity))
            for name, types in grammars.items()
            for index, (type_, capacity) in enumerate(types.items())
        ],
    )
    streams.print_message("")
    print_table(
        ("suite", "prompts"),
        [(name, f"{len(suite.prompts):,}") for name, suite in suites.items()],
    )
