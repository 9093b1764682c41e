"""A LLaVA of random weights, which answers neither yes nor no."""

from __future__ import annotations

from pathlib import Path

from scripts.training.vqa_model import build_model, build_processor
from t2i_audit.pipelines.workarounds import quiet_libraries


def tiny_vqa(path: Path) -> Path:
    """Save one under `path`."""
    with quiet_libraries():
        processor = build_processor()
        build_model(processor, seed=1).save_pretrained(path)
        processor.save_pretrained(path)
    return path
