"""The command ``t2i-audit prompts stats``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output

if TYPE_CHECKING:
    from prompts.structure import Prompt


def stats(
    file: streams.File,
    figure: Annotated[
        Path | None,
        typer.Option(
            "--figure", metavar="FILE.png|.svg", help="Plot which constituents occur together."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="Count tokens with the tokenizers of this checkpoint."
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Count prompts by type and constituent, lengths, foils, and show the split's certificate."""
    from prompts.analysis.statistics import count, middle

    if figure is not None:
        check_output(str(figure), [streams.path_of(file)], option="--figure", is_text=False)
    tokenizers = streams.tokenizers_of(model)
    header, prompts = streams.read_file(file)
    lengths: dict[str, Counter[int]] = {name: Counter() for name in tokenizers}

    def measured(prompts: Iterable[Prompt]) -> Iterator[Prompt]:
        for prompt in prompts:
            for name, tokenizer in tokenizers.items():
                lengths[name][tokenizer.length(prompt.text)] += 1
            yield prompt

    statistics = count(measured(prompts))
    if figure is not None:
        from t2i_audit.report.cooccurrence import draw_together

        draw_together(statistics, figure)
    if as_json:
        content: dict[str, Any] = {
            "header": header,
            **{key: value for key, value in vars(statistics).items() if key != "together"},
            "together": {" + ".join(pair): n for pair, n in statistics.together.items()},
            "tokens": {name: middle(n) for name, n in lengths.items()},
        }
        streams.print_json(content)
        return
    from t2i_audit.report.prompts import print_statistics

    print_statistics(statistics, header, {name: middle(n) for name, n in lengths.items()})
