"""The denoiser probe of states as large as FLUX's, as an audit gets them from disk.

    python -m scripts.bench flux

57 blocks at 2 steps, width 3,072, 1,080 prompts (the suite ``attributes``): the image averaged to
2 x 2 cells (width 12,288) and the region of each slot. The states are noise around planted values.
All places of one kind have the same targets, so one block is probed, then one and some more
(``FLUX_BLOCKS``, 2), and what each of these adds is taken for each of the others: what is chosen is
fitted anew once, whatever the number of blocks. The files of a block are written once and read anew
for each block that is probed.
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

    more = int(os.environ.get("FLUX_BLOCKS", "2"))
    prompts = load_suite(SUITE).prompts
    seconds: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        written = _write(Path(folder), prompts, np.random.default_rng(0))
        for blocks in (1, 1 + more):
            places = feature_blocks(list(_places(written, blocks)), prompts)
            wall, used = time.perf_counter(), time.process_time()
            probe_station(prompts, places)
            seconds.append((time.perf_counter() - wall, time.process_time() - used))
    (_, one), (wall, several) = seconds
    each = (several - one) / more
    minutes = (one + (BLOCKS - 1) * each) / 120
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    remark = (
        f"{1 + more} of {BLOCKS} blocks, {len(places)} places: {wall:.0f} s, of which "
        f"{several:.0f} s of a core, {each:.0f} s for each block after the first; "
        f"{peak:.1f} GiB at most"
    )
    what = f"denoiser probe of {BLOCKS} FLUX-sized blocks, minutes of two cores that do no more"
    return [Line(what, (wall,), (minutes,), "<= 10", remark)]


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
