"""The small audit of these tests, and what is drawn anew of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# 16 images in batches of 6, so that one is not full.
AUDIT: dict[str, Any] = {
    "judge": "oracle",
    "device": "cpu",
    "seeds": 1,
    "steps": 2,
    "batch_size": 6,
    "random_weights": 1,
    "denoiser_station": False,
    "report": False,
}
# 32 images: erase, random and steer of one slot, and context.
USE: dict[str, Any] = {"prompts": 8, "slots": "relation", "report": False}
COMMAND = ("--use-prompts", "8", "--use-slots", "relation", "--no-report")


def made(run: Path) -> dict[str, bytes]:
    """All that measuring use has made."""
    files = [*(run / "use").rglob("*"), run / "use.json", run / "use.parquet"]
    kept = [path for path in files if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(kept)}
