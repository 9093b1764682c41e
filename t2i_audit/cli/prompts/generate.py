"""The command ``t2i-audit prompts generate``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from t2i_audit.cli import options
from t2i_audit.cli.prompts import streams
from t2i_audit.cli.prompts.outputs import check_output

if TYPE_CHECKING:
    from prompts.formats.native import Header
    from prompts.structure import Prompt

GrammarName = Annotated[
    str,
    typer.Argument(
        metavar="GRAMMAR|NAME", help="A grammar file, or the name of a shipped grammar."
    ),
]
Number = Annotated[int, typer.Option("-n", "--number", metavar="N", help="Number of prompts.")]
Seed = Annotated[
    int, typer.Option("--seed", metavar="S", help="Random seed; the same seed gives the same file.")
]
HeldOut = Annotated[
    float | None,
    typer.Option(
        "--held-out", metavar="F", help="Share of compositions to withhold, between 0 and 1."
    ),
]
CompositionOrder = Annotated[
    Literal["pairs", "triples"],
    typer.Option("--compositions", help="Whether pairs or triples of constituents are withheld."),
]
BalanceOption = Annotated[
    Literal["types", "space"],
    typer.Option(
        "--balance",
        help="types: equally many prompts of each type; space: every prompt is equally likely.",
    ),
]
PlausibilityOption = Annotated[
    Literal["any", "typical", "atypical"],
    typer.Option(
        "--plausibility",
        help="Use only typical pairs such as yellow banana, or only atypical ones.",
    ),
]
FrequencyBand = Annotated[
    float | None,
    typer.Option(
        "--frequency-band",
        metavar="Z",
        help="Use only words whose frequencies lie within a factor of 10^Z of each other.",
    ),
]


def generate(
    grammar: GrammarName,
    output: streams.Output,
    number: Number = 100,
    seed: Seed = 0,
    held_out: HeldOut = None,
    order: CompositionOrder = "pairs",
    balance: BalanceOption = "types",
    plausibility: PlausibilityOption = "any",
    frequency_band: FrequencyBand = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw distinct prompts from a grammar, with constituents, spans and foils."""
    from prompts import generate as generation
    from prompts.controls import control
    from prompts.formats.native import Header
    from prompts.grammar.load import grammar_files, load_grammar
    from prompts.splits import split_prompts

    read = load_grammar(grammar)
    check_output(output, grammar_files(grammar))
    loaded, controlled = control(read, plausibility=plausibility, frequency_band=frequency_band)

    def draw() -> Iterator[Prompt]:
        drawn = generation.generate(loaded, number, seed=seed, balance=balance)
        return streams.with_progress(drawn, number)

    prompts: Iterable[Prompt] = draw()
    certificate = None
    if held_out is not None:
        size = 2 if order == "pairs" else 3
        prompts, certificate = split_prompts(draw, held_out, seed=seed, order=size)
    header = Header(
        source=f"grammar {loaded.name}, sha256 {loaded.sha256}",
        seed=seed,
        balance=balance,
        control=controlled,
        certificate=certificate,
    )
    types: Counter[str] = Counter()
    streams.write_lines(output, _lines(header, prompts, types))
    if as_json:
        streams.print_json({"output": output, "types": types, "header": header}, output=output)
    else:
        _print_summary(output, types, header)


def _lines(header: Header, prompts: Iterable[Prompt], types: Counter[str]) -> Iterator[str]:
    """The lines of the file; counts the prompts by type."""
    from prompts.formats.native import dump_header, dump_prompt

    yield dump_header(header)
    for prompt in prompts:
        types[prompt.type] += 1
        yield dump_prompt(prompt)


def _print_summary(output: str, types: Counter[str], header: Header) -> None:
    each = ", ".join(f"{count:,} {name}" for name, count in sorted(types.items()))
    streams.print_message(f"{sum(types.values()):,} prompts ({each})", output=output)
    certificate = header.certificate
    if certificate is not None:
        streams.print_message(
            f"{len(certificate.withheld)} of {certificate.compositions} compositions withheld: "
            f"{certificate.seen_prompts:,} prompts seen, {certificate.held_out_prompts:,} held "
            f"out; compositional, connected, {certificate.leaks} leaks",
            output=output,
        )
