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

Balance = Literal["types", "space"]
Plausibility = Literal["any", "typical", "atypical"]
Order = Literal["pairs", "triples"]


def generate(
    grammar: Annotated[
        str,
        typer.Argument(metavar="GRAMMAR|NAME", help="A grammar file, or one that ships."),
    ],
    output: streams.Output,
    number: Annotated[int, typer.Option("-n", "--number", metavar="N", help="Prompts.")] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Same seed, same file.")] = 0,
    held_out: Annotated[
        float | None,
        typer.Option("--held-out", metavar="F", help="Share of compositions to withhold."),
    ] = None,
    order: Annotated[
        Order, typer.Option("--compositions", help="What is withheld: pairs or triples.")
    ] = "pairs",
    balance: Annotated[
        Balance,
        typer.Option(
            "--balance",
            help="types: as many of each prompt type; space: every prompt equally likely.",
        ),
    ] = "types",
    plausibility: Annotated[
        Plausibility,
        typer.Option("--plausibility", help="Only (a)typical pairs such as yellow banana."),
    ] = "any",
    frequency_band: Annotated[
        float | None,
        typer.Option(
            "--frequency-band",
            metavar="Z",
            help="Only words whose frequencies lie within Z powers of ten.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Draw distinct prompts from a grammar, with constituents, spans and foils."""
    from prompts import generate as generation
    from prompts.controls import control
    from prompts.formats.native import Header, dump_header, dump_prompt
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
        prompts, certificate = split_prompts(
            draw, held_out, seed=seed, order=2 if order == "pairs" else 3
        )
    header = Header(
        source=f"grammar {loaded.name}, sha256 {loaded.sha256}",
        seed=seed,
        balance=balance,
        control=controlled,
        certificate=certificate,
    )
    types: Counter[str] = Counter()

    def lines() -> Iterator[str]:
        yield dump_header(header)
        for prompt in prompts:
            types[prompt.type] += 1
            yield dump_prompt(prompt)

    streams.write_lines(output, lines())
    if as_json:
        streams.print_json({"output": output, "types": types, "header": header}, output=output)
        return
    _tell(output, types, header)


def _tell(output: str, types: Counter[str], header: Header) -> None:
    each = ", ".join(f"{count:,} {name}" for name, count in sorted(types.items()))
    streams.say(f"{sum(types.values()):,} prompts ({each})", output=output)
    certificate = header.certificate
    if certificate is not None:
        streams.say(
            f"{len(certificate.withheld)} of {certificate.compositions} compositions withheld: "
            f"{certificate.seen_prompts:,} prompts seen, {certificate.held_out_prompts:,} held "
            f"out; compositional, connected, {certificate.leaks} leaks",
            output=output,
        )
