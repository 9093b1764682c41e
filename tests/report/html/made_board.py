"""Leaderboards and comparisons that are made rather than found, of any size and with any names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from t2i_audit.io import write_json
from t2i_audit.results.comparison import (
    Comparison,
    FlippedImage,
    Flips,
    PairedRate,
    SmallestDifference,
)
from t2i_audit.results.cost import Cost
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.leaderboard import (
    Leaderboard,
    LeaderboardRow,
    Rank,
    RunCorrelation,
    RunGroup,
    RunPair,
    Setup,
)
from t2i_audit.run.directory import MANIFEST
from t2i_audit.run.manifest import new_manifest

HOSTILE = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>\u2028"
HALF_WIDTH = 0.03


def made_row(place: int, success: float, *, model: str, run: str) -> LeaderboardRow:
    """A run of group 1 with this success; `place` is from 0 and makes it distinct."""
    known = Interval(success, success - HALF_WIDTH, success + HALF_WIDTH, 960)
    return LeaderboardRow(
        group=1,
        run=run,
        model=model,
        suite="made",
        judge="oracle",
        n_seeds=2,
        n_prompts=480,
        n_images=960,
        success=known,
        decodability={"text_encoder": known, "denoiser": known if place % 2 else undefined()},
        culprit="encoder" if place % 2 else None,
        corrected=undefined(),
        setup=Setup(steps=4 + place % 3),
        suite_sha256="",
        judge_sha256="",
        weights_sha256="",
        checkpoint=str(place),
        identity=str(place),
        cost=Cost("NVIDIA H100", 0.1 * (place + 1), 960, 2**30, {"unet": 10**6 * (place + 1)}),
    )


def made_board(successes: Sequence[float], *, name: str = "model") -> Leaderboard:
    """A board of one group, best success first, whose ranks rest on intervals that do not touch."""
    ordered, n = sorted(successes, reverse=True), len(successes)
    gap = 2 * HALF_WIDTH
    rows = []
    for place, own in enumerate(ordered):
        row = made_row(place, own, model=f"{name}-{place}", run=f"runs/{name}-{place}")
        better = sum(other > own + gap for other in ordered)
        worse = sum(other < own - gap for other in ordered)
        rows.append(replace(row, rank=None if n == 1 else Rank(1 + better, n - worse, n)))
    pairs = [
        RunPair(
            group=1,
            run=one.run,
            other=other.run,
            difference=Interval(one.success.estimate - other.success.estimate, -1, 1, 480),
            p_value=0.5,
            adjusted_p_value=0.01 if one.success.estimate > other.success.estimate + gap else 0.5,
            better=9,
            worse=1,
            same=470,
        )
        for place, one in enumerate(rows)
        for other in rows[place + 1 :]
    ]
    found = RunCorrelation(
        1,
        "made",
        "oracle",
        "text_encoder",
        undefined(),
        undefined(),
        f"{name}: they rise together.",
    )
    group = RunGroup(1, name, (f"A note on {name}.",), f"Ranks of {n} runs.")
    return Leaderboard(tuple(rows), (found,), (group,), (), tuple(pairs))


def made_comparison(folder: Path, prompts: Sequence[str], *, name: str = "model") -> Comparison:
    """Two runs in `folder` in which an image of each prompt flipped, of every third to right."""
    rng = np.random.default_rng(0)
    flips = []
    for run, steps in (("base", 4), ("candidate", 8)):
        (folder / run / "images").mkdir(parents=True)
        manifest = new_manifest({"sampler": {"steps": steps}, "model": name}, created="2026-01-01")
        write_json(folder / run / MANIFEST, manifest)
        for place in range(len(prompts)):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / run / "images" / f"{place:06}_000.png")
    for place, prompt in enumerate(prompts):
        file = f"images/{place:06}_000.png"
        flips.append(FlippedImage(f"p{place}", prompt, 0, place % 3 == 2, file, file))
    n = len(prompts)
    better = sum(each.became_right for each in flips)
    lower = PairedRate(share(0.9), share(0.6), Interval(-0.3, -0.4, -0.2, 480), 0.001, 0.001)
    chance = PairedRate(share(0.9), share(0.91), Interval(0.01, 0.001, 0.02, 480), 0.04, 0.2)
    return Comparison(
        base=str(folder / "base"),
        candidate=str(folder / "candidate"),
        base_model=name,
        candidate_model=name,
        suite="made",
        judge="oracle",
        n_prompts=480,
        n_seeds=1,
        same_audit=False,
        same_noise=True,
        outcome="worse",
        sentence="The candidate is worse than its base.",
        overall=PairedRate(share(0.9), share(0.6), Interval(-0.3, -0.4, -0.2, 480), 0.001),
        in_general=Interval(-0.3, -0.5, -0.1, 480),
        by_slot={"relation": lower, name: chance},
        by_type={},
        by_split={},
        flips=Flips(better, n - better, 480 - n, 0.5),
        flipped=tuple(sorted(flips, key=lambda each: each.became_right)),
        decodability={"text_encoder": chance},
        slot_decodability={"text_encoder": {"relation": lower}},
        seen=(SmallestDifference(1, 0.09, 9145, None), SmallestDifference(5, 0.89, 368, 2)),
        notes=(f"A note on {name}.",),
    )


def share(estimate: float) -> Interval:
    """A share with some interval."""
    return Interval(estimate, estimate - HALF_WIDTH, estimate + HALF_WIDTH, 480)
