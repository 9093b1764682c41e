"""Speed as ratios, measured side by side in one run on this machine.

    python -m scripts.bench [NAME ...] [--rounds N] [--limit N] [--model MODEL]

Each pair of competitors takes turns for a few rounds; the ratio is the median over rounds, beside
the smallest and the largest.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median

from rich.console import Console
from rich.table import Table

from scripts.benchmarks import (
    audit,
    beside,
    board,
    encoding,
    flux,
    gpu,
    judges_geneval,
    judging,
    long,
    memory,
    probes,
    prompts,
    start,
    synthetic,
)
from scripts.benchmarks.line import Line

BENCHES: dict[str, Callable[[int, int], list[Line]]] = {
    "text": audit.text_side,
    "encoding": encoding.encoding,
    "probes": probes.probes,
    "flux": flux.flux,
    "memory": memory.memory,
    "long": long.long,
    "images": audit.images,
    "judging": judging.judging,
    "help": audit.help_text,
    "start": start.start,
    "beside": beside.beside,
    "board": board.board,
    "prompts": prompts.generation,
    "synthetic": synthetic.synthetic,
    "geneval": judges_geneval.geneval,
}
GPU = "gpu"  # only by name, as it is for a checkpoint and a machine of one's own


def main() -> None:
    """Run the benches that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*BENCHES, GPU, []], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=480, help="prompts of the suite")
    parser.add_argument("--model", default="builtin:sound", help="checkpoint of the bench gpu")
    arguments = parser.parse_args()
    benches: dict[str, Callable[[int, int], list[Line]]] = {
        **BENCHES,
        GPU: partial(gpu.gpu, model=arguments.model),
    }
    table = Table("what", "ours, s", "ratio", "range", "goal")
    remarks = []
    for name in arguments.names or BENCHES:
        for line in benches[name](arguments.rounds, arguments.limit):
            table.add_row(
                line.what,
                f"{median(line.seconds):.2f}",
                f"{median(line.ratios):.2f}",
                f"{min(line.ratios):.2f} to {max(line.ratios):.2f}, {len(line.ratios)} rounds",
                line.goal,
            )
            remarks += [line.remark] if line.remark else []
    console = Console()
    console.print(table)
    for remark in remarks:
        console.print(remark)


if __name__ == "__main__":
    main()
