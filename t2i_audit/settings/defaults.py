"""Defaults of a run: the suite, the judge and the run directory."""

from __future__ import annotations

import os
from pathlib import Path

from t2i_audit.file_names import file_name

BUILTIN_PREFIX = "builtin:"
DEFAULT_SUITE = "world-relations"
DEFAULT_MEGABYTES = 20.0  # of a page
DEFAULT_SEEDS = 4  # images per prompt
DEFAULT_RANDOM_WEIGHTS = 3  # draws; their spread belongs into the interval of what beats them
DEFAULT_BATCH_SIZE = 32  # prompts or images per forward pass
# Most published results of CLIP judges, GenEval's among them, rest on this model.
DEFAULT_CLIP = "clip:ViT-L-14/openai"
AUTO_JUDGE = "auto"  # the judge that suits the checkpoint and the device; see judges/default.py
LARGEST_AUTO_BATCH = 64  # where the search for a batch size that fits begins
RUNS_FOLDER = Path("runs")


def default_out(model: str, suite: str, *, ending: str = "") -> Path:
    """``runs/<model>-<suite><ending>``, in characters that every file system takes.

    Of a local folder or of the file of a suite, only the last part of the path is used.
    """
    suite_name = Path(suite).stem if suite.endswith(".jsonl") else Path(suite).name
    return RUNS_FOLDER / (file_name(f"{short_name(model)}-{suite_name}") + ending)


def short_name(model: str) -> str:
    """A model's name without what says where it comes from; of a local folder the last part."""
    name = model.removeprefix(BUILTIN_PREFIX).removeprefix("local-dir:")
    # `Path` itself refuses text that is too long for a path.
    return Path(name).resolve().name if os.path.isdir(name) else name
