"""What the verdicts of a VQA judge depend on: its files, its wording, and the libraries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.io import sha256_of
from t2i_audit.judges.questions import CAPTION, VERSION
from t2i_audit.judges.vqa_spec import TEXT_FILES
from t2i_audit.judges.vqa_verdict import LEAST_MASS, RULE
from t2i_audit.judges.vqa_wording import ORDERS
from t2i_audit.models.resolve import WEIGHT_FILES

if TYPE_CHECKING:
    from t2i_audit.judges.vqa_text import VqaText

# Libraries that read texts, prepare images or run the model.
LIBRARIES = ("transformers", "tokenizers", "pillow", "torchvision", "torch")


def fingerprint_of(text: VqaText, model: Any) -> dict[str, str]:
    """The identity of a judge; judges that differ in it may give different verdicts."""
    spec = text.spec
    return {
        "judge": "vqa",
        "model": spec.short,
        # A snapshot of the hub lies in a folder named by its commit.
        "revision": "" if spec.folder else text.folder.name,
        "class": type(model).__name__,
        "dtype": str(model.dtype).removeprefix("torch."),
        "config_and_processor_sha256": _hash_of_files(text.folder, TEXT_FILES),
        "weights_sha256": _hash_of_files(text.folder, (WEIGHT_FILES,)),
        "template_sha256": hashlib.sha256(text.template.encode()).hexdigest(),
        "questions": VERSION,
        "caption": CAPTION,
        "instructions": " | ".join(ORDERS),
        "answers": "log-odds of yes against no, averaged over both orders",
        "least_mass": str(LEAST_MASS),
        "rule": RULE,
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def _hash_of_files(folder: Path, patterns: Sequence[str]) -> str:
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    lines = (f"{file.name} {sha256_of(file)}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
