"""The denoiser probe of states as large as FLUX's, as an audit gets them from disk.

    python -m scripts.bench flux

57 blocks at 2 steps, width 3,072, 1,080 prompts (the suite ``attributes``): the image averaged to
2 x 2 cells (width 12,288) and the region of each slot. The states are noise around planted values.
All places of one kind have the same targets, so a share of the blocks is probed and the time scaled
up, or all of them with ``FLUX_BLOCKS=57``. The files of a block are written once and read anew for
each block that is probed.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.benchmarks.line import Line

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt
    from t2i_audit.run.features import Features

BLOCKS, STEPS, WIDTH, CELLS = 57, 2, 3072, 4
SUITE = "attributes"
DIFFERENT = 2  # blocks whose states are made; more would fill the disk


def flux(rounds: int, limit: int) -> list[Line]:
    """Seconds and gigabytes of `probe_station`, against the ten minutes and 8 GB it may take."""
    import numpy as np

    from prompts.suite import load_suite
    from t2i_audit.activations.readable import feature_blocks
    from t2i_audit.probes.station import probe_station

    blocks = int(os.environ.get("FLUX_BLOCKS", "2"))
    prompts = load_suite(SUITE).prompts
    with tempfile.TemporaryDirectory() as folder:
        written = _write(Path(folder), prompts, np.random.default_rng(0))
        places = feature_blocks(list(_places(written, blocks)), prompts)
        wall, used = time.perf_counter(), time.process_time()
        probe_station(prompts, places)
        wall, used = time.perf_counter() - wall, time.process_time() - used
    share = blocks / BLOCKS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    remark = (
        f"{len(places)} places, {share:.0%} of all: {wall:.0f} s, of which {used:.0f} s of a "
        f"core; all of them {used / share / 120:.1f} minutes on two idle cores; "
        f"{peak:.1f} GiB at most"
    )
    what = f"denoiser probe of {blocks} FLUX-sized blocks, minutes for {BLOCKS} on two idle cores"
    return [Line(what, (wall,), (used / share / 120,), "<= 10", remark)]


def _write(
    folder: Path, prompts: Sequence[Prompt], rng: np.random.Generator
) -> list[tuple[Features, ...]]:
    """The states of some blocks, as an audit leaves them."""
    import numpy as np

    from t2i_audit.probes.features import slot_targets
    from t2i_audit.run.features import FeatureWriter

    targets = slot_targets(prompts)
    hot = np.concatenate(
        [each.labels[:, None] == np.arange(len(each.classes)) for each in targets], axis=1
    ).astype(np.float32)
    written = []
    for number in range(DIFFERENT):
        writer = FeatureWriter("denoiser", len(prompts), folder=folder / str(number))
        for position in ("grid", *(each.name for each in targets)):
            width = WIDTH * (CELLS if position == "grid" else 1)
            code = rng.normal(size=(hot.shape[1], width)).astype(np.float32)
            values = hot @ code + 4 * rng.normal(size=(len(prompts), width)).astype(np.float32)
            has = [position == "grid" or p.constituent(position) is not None for p in prompts]
            rows = np.flatnonzero(has)
            writer.put(("transformer", f"block_{number}@step_0", position), rows, values[rows])
        written.append(writer.close())
    return written


def _places(written: Sequence[tuple[Features, ...]], blocks: int) -> Iterator[Features]:
    from dataclasses import replace

    for block in range(blocks):
        for step in range(STEPS):
            for each in written[(block + step) % DIFFERENT]:
                yield replace(each, layer=f"transformer_blocks.{block}@step_{step}")
