"""The audit's stages and the start of the program."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.benchmarks.line import Line, over, timed

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.probes.folds import Fold

MODEL = "builtin:sound"
SUITE = "world-relations"
BATCH_SIZE = 32
BARE_TYPER = """
import typer
app = typer.Typer()
@app.command()
def main(name: str = "world") -> None:
    print(name)
app()
"""


def load(limit: int) -> tuple[LoadedModel, tuple[Prompt, ...]]:
    """The checkpoint and the prompts that everything is measured on."""
    from prompts.suite import load_suite
    from t2i_audit.models import load_model

    return load_model(MODEL, device="cpu"), load_suite(SUITE).limited(limit).prompts


def text_side(rounds: int, limit: int) -> list[Line]:
    """Encode and probe all layers, positions and targets; against a loop over scikit-learn."""
    import numpy as np
    import torch

    from t2i_audit.activations.readable import feature_blocks
    from t2i_audit.activations.text.encode import encode_suite
    from t2i_audit.probes.decoded import StationProbes
    from t2i_audit.probes.features import presence_targets, slot_targets
    from t2i_audit.probes.folds import Folds
    from t2i_audit.probes.station import probe_station

    loaded, prompts = load(limit)
    folds = Folds(prompts, seed=0)
    slots, presences = slot_targets(prompts), presence_targets(prompts)

    def ours() -> StationProbes:
        blocks = feature_blocks(encode_suite(loaded, prompts).features, prompts)
        return probe_station(prompts, blocks)

    # The other side gets its features for nothing: it is charged for the bare calls and the fits,
    # of the same targets at the same places, but for no shuffled labels and no intervals.
    given = feature_blocks(encode_suite(loaded, prompts).features, prompts)

    def rival() -> dict[tuple[str, str], list[float]]:
        with torch.no_grad():
            for prompt in prompts:
                loaded.pipeline.encode_prompt(prompt.text, loaded.device, 1, False)
        accuracies: dict[tuple[str, str], list[float]] = {}
        for block in given:
            wanted = [target for target in slots if target.name in block.targets]
            for target in wanted + ([] if block.place.position.is_slot else presences):
                usable = block.valid & (target.labels >= 0)
                tests = [(fold, fold.tested & usable) for fold in folds.of(target)]
                place = str(block.place), target.summary_name
                accuracies.setdefault(place, []).append(
                    _logistic(block.values, target.labels, tests, usable)
                )
        return accuracies

    ratios, seconds, differences, fits = [], [], [], 0
    for _ in range(rounds):
        results: list[StationProbes] = []
        others: list[dict[tuple[str, str], list[float]]] = []
        seconds.append(timed(lambda kept=results: kept.append(ours())))  # type: ignore[misc]
        other = timed(lambda kept=others: kept.append(rival()))  # type: ignore[misc]
        ratios.append(other / seconds[-1])
        own = {(str(p.place), p.slot): p for p in results[0].places}
        differences = [
            own[place].balanced_accuracy.estimate - float(np.mean(accuracies))
            for place, accuracies in others[0].items()
        ]
        fits = sum(map(len, others[0].values()))
    # At the places that differ most scikit-learn's ridge reads what ours reads and its logistic
    # regression does not, whatever its strength: it is the loss, not the bookkeeping.
    remark = (
        f"balanced accuracy, ours less theirs: median {np.median(differences):+.3f}, "
        f"from {min(differences):+.3f} to {max(differences):+.3f} over {len(differences)} places "
        f"and targets; {sum(each < -0.05 for each in differences)} are more than 0.05 lower, "
        f"{sum(each > 0.05 for each in differences)} higher"
    )
    what = (
        f"text side, {len(prompts)} prompts: encode_prompt one by one and LogisticRegression "
        f"({fits} targets at their places)"
    )
    return [Line(what, tuple(seconds), tuple(ratios), ">= 20", remark)]


def _logistic(
    values: np.ndarray,
    labels: np.ndarray,
    tests: list[tuple[Fold, np.ndarray]],
    usable: np.ndarray,
) -> float:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    truth, guessed = [], []
    for fold, test in tests:
        train = fold.train & usable
        known = np.isin(labels, np.unique(labels[train]))
        rows = test & known
        if not rows.any() or len(np.unique(labels[train])) < 2:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(values[train], labels[train])
        truth.append(labels[rows])
        guessed.append(model.predict(values[rows]))
    true, guess = np.concatenate(truth), np.concatenate(guessed)
    return float(np.mean([(guess[true == label] == label).mean() for label in np.unique(true)]))


def images(rounds: int, limit: int) -> list[Line]:
    """The generation stage, without and with the denoiser station; against the bare loop."""
    import torch

    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.pipelines.workarounds import quiet_libraries
    from t2i_audit.run.directory import open_run
    from t2i_audit.stages.images import make_images

    loaded, prompts = load(limit)
    steps, guidance = 12, 1.5

    def bare() -> None:
        with tempfile.TemporaryDirectory() as folder, quiet_libraries():
            generator = torch.Generator().manual_seed(0)
            for start in range(0, len(prompts), BATCH_SIZE):
                texts = [prompt.text for prompt in prompts[start : start + BATCH_SIZE]]
                output = loaded.pipeline(
                    texts, num_inference_steps=steps, guidance_scale=guidance, generator=generator
                )
                for row, image in enumerate(output.images, start=start):
                    image.save(Path(folder) / f"{row}.png")

    def ours(record: bool) -> None:
        sampling = Sampling(steps, guidance, 1, BATCH_SIZE, record_denoiser=record)
        with tempfile.TemporaryDirectory() as folder, open_run(Path(folder) / "run", {}) as run:
            make_images(run, loaded, prompts, sampling)

    bare()  # the first pass through a network sets up more than the later ones
    sides = [bare, lambda: ours(False), lambda: ours(True)]
    times: list[list[float]] = [[], [], []]
    for number in range(rounds):
        # A machine's clock drifts within a round, so each side comes first in its turn.
        for side in (number, number + 1, number + 2):
            times[side % 3].append(timed(sides[side % 3]))
    baseline, plain, recorded = times
    what = f"{len(prompts)} images in batches of {BATCH_SIZE}: ours over the bare diffusers loop"
    return [
        Line(what, tuple(plain), over(plain, baseline), "<= 1.03"),
        Line(f"{what}, denoiser station on", tuple(recorded), over(recorded, baseline), "<= 1.10"),
    ]


def help_text(rounds: int, limit: int) -> list[Line]:
    """`t2i-audit --help` against the start of a typer app with nothing in it."""
    program = [str(Path(sys.executable).with_name("t2i-audit")), "--help"]
    bare = [sys.executable, "-c", BARE_TYPER, "--help"]

    def start(command: list[str]) -> None:
        subprocess.run(command, check=True, capture_output=True)

    start(program)
    start(bare)
    ours, others = [], []
    for _ in range(5 * rounds):
        ours.append(timed(lambda: start(program)))
        others.append(timed(lambda: start(bare)))
    goal = "<= 0.5 s"
    return [Line("t2i-audit --help over a bare typer app", tuple(ours), over(ours, others), goal)]
