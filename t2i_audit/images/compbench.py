"""T2I-CompBench's layout: ``samples/PROMPT_000012.png``.

The name of a file is the prompt's whole text and the running number of the image
(Karine-Huang/T2I-CompBench, ``GORS_finetune/inference_eval.py``); there is no other metadata. So
this is the one layout in which names are read, by its own definition. A text that cannot be the
name of a file, as one with a slash, cannot be in this layout.
"""

from __future__ import annotations

import re
from pathlib import Path

from t2i_audit.images.decode import ENDINGS
from t2i_audit.images.listing import Entry, LeftOut, Listing, entry_of, files_below

SAMPLES = "samples"
DIGITS = 6  # at least; the number of an image is padded to these
_NAME = re.compile(
    rf"(?P<text>.+)_(?P<number>[0-9]{{{DIGITS},18}})(?:{'|'.join(map(re.escape, ENDINGS))})",
    re.IGNORECASE,
)


def is_compbench(root: Path) -> bool:
    """Whether `root`, or its folder ``samples``, has images named by this layout."""
    folder = _samples(root)
    return any(_NAME.fullmatch(path.name) for path in folder.iterdir())


def list_compbench(root: Path) -> Listing:
    """The images in `root` or in its folder ``samples``."""
    folder = _samples(root)
    found: list[tuple[int, str, str]] = []
    left_out: list[LeftOut] = []
    for path in sorted(folder.iterdir()):
        file = path.relative_to(root).as_posix()
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append((int(match["number"]), file, match["text"]))
        elif not path.name.startswith(".") and not path.is_dir():
            left_out.append(LeftOut(file, "unmatched", "its name is not PROMPT_NUMBER"))
    # The number runs over all prompts, so it orders the images of each and is no seed.
    entries: list[Entry] = [entry_of(file, file, {"text": text}) for _, file, text in sorted(found)]
    names = [entry.file for entry in entries]
    return Listing("compbench", tuple(entries), tuple(left_out), files_below(root, names))


def _samples(root: Path) -> Path:
    return root / SAMPLES if (root / SAMPLES).is_dir() else root
