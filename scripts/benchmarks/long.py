"""A very long audit: real in all but its sampler, which takes a millisecond, and its judge.

    python -m scripts.bench long --limit 100000 --rounds 1

audits a quarter of so many prompts and then all of them, with 4 seeds each. Every audit is killed
when half of its images are made, resumed, and then read as a user does. With LONG_PLAIN=1 the
prompts name no constituents, so that nothing is probed, which takes most of the time otherwise.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from scripts.benchmarks.line import Line
from scripts.benchmarks.peak import watching
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.panel import Member
from t2i_audit.judges.scope import Scope
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.reporter import Advance, SilentReporter

if TYPE_CHECKING:
    import numpy as np

    from prompts.structure import Prompt

SEEDS = 4
SECONDS = 0.001  # that the stub takes for an image
POOL = 64  # different images
SIZE = 64  # pixels
RIGHT = 0.85  # of the slots
BATCH = 32
PLAIN = os.environ.get("LONG_PLAIN") == "1"  # prompts without constituents
PART = 4  # of the prompts: all, and one in so many
KILLED = -int(signal.SIGKILL)


def long(rounds: int, limit: int) -> list[Line]:
    """`limit` prompts against a quarter of them: what grows faster than the prompts?"""
    small, large = [], []
    for _ in range(rounds):
        small.append(_measured(limit // PART))
        large.append(_measured(limit))
    images = SEEDS * limit

    def line(what: str, key: str, goal: str, per: int = 1) -> Line:
        seconds = tuple(each[key] for each in large)
        ratios = tuple(
            own[key] / (per * other[key]) for own, other in zip(large, small, strict=True)
        )
        return Line(f"{what} of {images:,} images over {images // PART:,}", seconds, ratios, goal)

    last = large[-1]
    remark = (
        f"{images:,} images: {last['files']:.0f} files in images/, {last['all_files']:.0f} in all, "
        f"{last['bytes'] / 1e6:.0f} MB; peak memory of the audit {last['peak']:.0f} MiB (of a "
        f"quarter {small[-1]['peak']:.0f} MiB), of the row {last['row_peak']:.0f}, of the page "
        f"{last['page_peak']:.0f}; stages in CPU seconds: {json.dumps(last['stages'])}"
    )
    return [
        line("audit, per image: CPU seconds", "seconds", "<= 1.1", PART),
        line("resume until the first new image: CPU seconds", "resume", "seconds"),
        line("the finished run again: CPU seconds", "again", "seconds"),
        line("leaderboard row: CPU seconds", "row", "seconds"),
        replace(line("report: CPU seconds", "page", "seconds"), remark=remark),
    ]


def _measured(prompts: int) -> dict[str, Any]:
    """Make, kill, resume and read one run, each in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite, out = folder / "suite.jsonl", folder / "run"
        _run(["t2i_audit", "prompts", *_suite(folder, prompts), "-o", str(suite)])
        own = [__spec__.name, str(suite), str(out)]
        killed = _run([*own, str(SEEDS * prompts // 2)], code=KILLED)
        resumed = _run(own)
        found = json.loads(resumed.printed)
        again = _run(own)
        row = _run(["t2i_audit", "leaderboard", str(out), "-o", str(folder / "board.csv")])
        page = _run(["t2i_audit", "report", str(out), "-o", str(folder / "page.html")])
        files = [path for path in out.rglob("*") if path.is_file()]
        return {
            "seconds": killed.seconds + resumed.seconds,
            "resume": found["resume"],
            "stages": found["stages"],
            "peak": found["peak"],
            "again": again.seconds,
            "row": row.seconds,
            "row_peak": row.peak,
            "page": page.seconds,
            "page_peak": page.peak,
            "files": sum(path.parent.name == "images" for path in files),
            "all_files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
        }


def _suite(folder: Path, prompts: int) -> list[str]:
    """The arguments of `t2i-audit prompts` that make a suite of so many prompts."""
    if not PLAIN:
        return ["generate", "attributes", "-n", str(prompts)]
    texts = folder / "texts.txt"
    texts.write_text("".join(f"a picture of {number} things\n" for number in range(prompts)))
    return ["import", "text", str(texts)]


@dataclass(frozen=True)
class _Ended:
    printed: str
    seconds: float
    """Of the processors, in all threads: other work on the machine does not change it much."""
    peak: float
    """MiB resident at most, mapped files included."""


def _run(module: Sequence[str], *, code: int = 0) -> _Ended:
    command = [sys.executable, "-m", *module]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise RuntimeError(f"{' '.join(module)} ended with {process.returncode}")
    return _Ended(printed, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def audit(suite: Path, out: Path, *, kill_at: int | None = None) -> dict[str, Any]:
    """Audit the prompts of `suite` into `out`; the process kills itself at the image `kill_at`."""
    from t2i_audit.audit import execute, plan_audit
    from t2i_audit.judges import default
    from t2i_audit.settings import AuditSettings

    settings = AuditSettings(
        model="stub",
        suite=str(suite),
        out=out,
        seeds=SEEDS,
        batch_size=BATCH,
        denoiser_station=False,
        judge="oracle",
    )
    clock = Clock()
    panel = (Member(CheapJudge(), Scope({})),)
    with watching() as peak, patch.object(default, "load_chosen", lambda *_, **__: panel):
        clock.enter("plan")
        plan = plan_audit(settings, clock, pipeline=stub_pipeline(clock, kill_at))
        clock.drawn.clear()  # by the dry run
        clock.enter("open")
        execute(plan, clock)
    return {
        "peak": peak[0],
        "stages": clock.ended(),
        "resume": clock.drawn[0] if clock.drawn else 0.0,
    }


class Clock(SilentReporter):
    """Takes the processors' time of each stage, and prints no progress."""

    def __init__(self) -> None:
        self.drawn: list[float] = []
        """The process's own time when each batch was begun."""
        self._entered: list[tuple[str, float]] = []

    def enter(self, name: str) -> None:
        """Begin the stage `name`, and end the one before."""
        self._entered.append((name, time.process_time()))

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
        """Take the time from here to the next stage."""
        self.enter(name)
        with super().stage(name, total, done=done) as advance:
            yield advance
        self.enter(f"after {name}")

    def ended(self) -> dict[str, float]:
        """CPU seconds of each stage."""
        ends = [start for _, start in self._entered[1:]] + [time.process_time()]
        return {
            name: round(end - start, 1)
            for (name, start), end in zip(self._entered, ends, strict=True)
        }


class CheapJudge:
    """Takes from an image's first pixel what it shows, which is nothing real."""

    name = "cheap"
    window: int | None = None
    advice = ""
    fingerprint: Mapping[str, str] = {"judge": "cheap"}

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """All `prompts`."""
        return Scope({})

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """A slot is wrong where its bit of the first pixel is 0."""
        verdicts = []
        for image, prompt in zip(images, prompts, strict=True):
            bits = int(image[0, 0, 0])
            slots = {
                part.slot: bool(bits >> place & 1) for place, part in enumerate(prompt.constituents)
            }
            right = all(slots.values()) if slots else bool(bits & 1)
            verdicts.append(Judgement(right, 1.0, "", True, slots))
        return verdicts

    def move_to(self, device: str) -> None:
        """Do nothing: it has no weights."""


def stub_pipeline(clock: Clock, kill_at: int | None) -> Any:
    """The text encoder of ``builtin:sound``, and images that take `SECONDS` each.

    Each batch is noted in `clock`; at the image `kill_at` the process kills itself.
    """
    import diffusers
    import numpy as np

    rng = np.random.default_rng(0)
    pool = np.repeat(np.repeat(rng.random((POOL, 8, 8, 3)), SIZE // 8, 1), SIZE // 8, 2)
    # Most slots are right.
    pool[:, 0, 0, 0] = (rng.random((POOL, 8)) < RIGHT) @ 2.0 ** np.arange(8) / 255

    # Called like the family, by which it is known what the class makes.
    class StableDiffusionPipeline(diffusers.StableDiffusionPipeline):
        def __call__(
            self,
            prompt: Any = None,
            height: Any = None,
            width: Any = None,
            num_inference_steps: int = 50,
            guidance_scale: float = 7.5,
            negative_prompt: Any = None,
            generator: Any = None,
            latents: Any = None,
            output_type: str = "pil",
        ) -> Any:
            clock.drawn.append(time.process_time())
            if kill_at is not None and BATCH * len(clock.drawn) > kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(SECONDS * len(prompt))
            # As the noise decides it, a resumed run makes the same images.
            chosen = (latents[:, 0, 0, 0].double().numpy() * 1e6).astype(int) % POOL
            return (pool[chosen],)

    return StableDiffusionPipeline.from_pretrained(builtin_folder("sound"))


if __name__ == "__main__":
    own, place, *at = sys.argv[1:]
    found = audit(Path(own), Path(place), kill_at=int(at[0]) if at else None)
    print(json.dumps(found))
