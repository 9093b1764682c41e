"""Memory that probing takes beyond its features, which lie on disk: whatever the layers, the same.

    python -m scripts.benchmarks.memory PROMPTS LAYERS WIDTH

measures one size in this process and prints seconds of processor time and MiB as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.benchmarks.line import Line

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt

WIDTH = 256
FEW, MANY = 2, 8  # layers
SLOTS = {
    "object_1.colour": (6, ("object_1",)),
    "object_1.shape": (6, ("object_1",)),
    "object_2.colour": (6, ("object_2",)),
    "object_2.shape": (6, ("object_2",)),
    "relation": (4, ("object_1", "object_2")),
}
ROWS = 4096  # written at once


def memory(rounds: int, limit: int) -> list[Line]:
    """Many layers over few, of twenty times `limit` prompts, each in a process of its own."""
    prompts = 20 * limit
    seconds, ratios, peaks = [], [], []
    for _ in range(rounds):
        few, many = (_apart(prompts, layers) for layers in (FEW, MANY))
        seconds.append(many["seconds"])
        ratios.append(many["peak"] / few["peak"])
        peaks.append(many["peak"])
    what = f"memory to probe {prompts:,} prompts x {WIDTH} features: {MANY} layers over {FEW}"
    remark = f"memory to probe {MANY} layers, beyond the features: at most {max(peaks):.0f} MiB"
    return [Line(what, tuple(seconds), tuple(ratios), "<= 1.2", remark)]


def measured(prompts: int, layers: int, width: int) -> dict[str, float]:
    """Seconds of processor time and peak memory, in MiB, of probing random features."""
    import numpy as np

    from t2i_audit.probes.features import FeatureBlock
    from t2i_audit.probes.station import probe_station
    from t2i_audit.results.place import Place

    rng = np.random.default_rng(0)
    values = np.stack([rng.integers(count, size=prompts) for count, _ in SLOTS.values()], axis=1)
    suite = _suite(values)
    with tempfile.TemporaryDirectory() as folder:
        features = _features(Path(folder) / "features.npy", values, width)
        every, slots = np.ones(prompts, dtype=bool), frozenset(SLOTS)
        blocks = [
            FeatureBlock("text_encoder", place, features, every, slots)
            for place in (Place.parse("text_encoder", str(n), "eos") for n in range(layers))
        ]
        before, start = _private(), time.process_time()
        peak, done = [before], threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                peak.append(max(peak.pop(), _private()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            probe_station(suite, blocks)
        finally:
            done.set()
            watcher.join()
        return {"seconds": time.process_time() - start, "peak": peak[0] - before}


def _apart(prompts: int, layers: int) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, str(prompts), str(layers), str(WIDTH)]
    found: dict[str, float] = json.loads(subprocess.check_output(command))
    return found


def _private() -> float:
    """MiB of this process's own, pages of mapped files left out."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith("RssAnon")).split()[1]) / 1024


def _suite(values: np.ndarray) -> tuple[Prompt, ...]:
    """A prompt for each row of ``(n, slots)``."""
    from prompts.structure import Constituent, Prompt

    def part(place: int, slot: str, value: int) -> Constituent:
        entities = SLOTS[slot][1]
        return Constituent(slot, slot.split(".")[-1], str(value), place, place + 1, entities)

    # Equal parts are one object, so that the prompts take little themselves.
    parts = [
        [part(place, slot, value) for value in range(count)]
        for place, (slot, (count, _)) in enumerate(SLOTS.items())
    ]
    return tuple(
        Prompt(str(row), "abcde", "", "", tuple(own[i] for own, i in zip(parts, line, strict=True)))
        for row, line in enumerate(values.tolist())
    )


def _features(path: Path, values: np.ndarray, width: int) -> np.ndarray:
    """Each value in a direction of its own, and noise, as float16 mapped from `path`."""
    import numpy as np

    rng = np.random.default_rng(1)
    directions = [rng.normal(size=(count, width)) for count, _ in SLOTS.values()]
    shape = (len(values), width)
    features = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
    for start in range(0, len(values), ROWS):
        lines = values[start : start + ROWS]
        signal = sum(own[line] for own, line in zip(directions, lines.T, strict=True))
        features[start : start + ROWS] = 0.3 * signal + rng.normal(size=(len(lines), width))
    features.flush()
    return np.load(path, mmap_mode="r")


if __name__ == "__main__":
    print(json.dumps(measured(*map(int, sys.argv[1:]))))
