"""Some images of a run in one picture, each with its prompt: for trackers of trainings."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t2i_audit.printable import printable
from t2i_audit.results.run import Run
from t2i_audit.results.verdict_rows import primary_rows
from t2i_audit.run.images import read_image
from t2i_audit.run.tables import read_rows, table_path

COLUMNS = 4
PANEL = (2.2, 2.7)  # inches, the caption included
DOTS = 100  # an inch
LINE = 30  # letters of a caption
LINES = 4


def image_grids(run: Run, count: int) -> dict[str, np.ndarray]:
    """Pictures of failing and of right images of `run`, as far as it has them.

    The images are spread evenly over the suite. Under each one stands its prompt, and what of it
    the judge found wrong.

    Args:
        run: a finished audit.
        count: the most images in each picture.

    Returns:
        By ``failing`` and ``right``, a picture ``(h, w, 3)`` uint8.
    """
    prompts = read_rows(table_path(run.path, "prompts"), "prompts")
    texts = {str(row["prompt_id"]): str(row["text"]) for row in prompts}
    own = primary_rows(run)
    kinds = {"failing": False, "right": True}
    chosen = {
        name: _spread([row for row in own if row["correct"] is correct], count)
        for name, correct in kinds.items()
    }
    return {name: _drawn(run, rows, texts) for name, rows in chosen.items() if rows}


def _spread(rows: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of `rows`, evenly spaced."""
    if len(rows) <= count:
        return list(rows)
    return [rows[i * len(rows) // count] for i in range(count)]


def _drawn(run: Run, rows: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> np.ndarray:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    columns = min(COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    with matplotlib.rc_context({"text.parse_math": False}):  # a prompt is never a formula
        figure = Figure((columns * PANEL[0], lines * PANEL[1]), dpi=DOTS, layout="constrained")
        axes = list(figure.subplots(lines, columns, squeeze=False).flat)
        for each in axes:
            each.axis("off")
        for each, row in zip(axes, rows, strict=False):
            with Image.open(io.BytesIO(read_image(run.path / row["image"]))) as image:
                each.imshow(np.asarray(image))
            each.set_title(
                _caption(texts[row["prompt_id"]], row), y=0, pad=-4, va="top", fontsize=7
            )
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _caption(text: str, row: Mapping[str, Any]) -> str:
    lines = textwrap.wrap(printable(text), LINE, max_lines=LINES, placeholder=" ...")
    wrong = [slot for slot, right in (row["slots"] or {}).items() if right is False]
    if wrong:
        said = f"wrong: {', '.join(wrong)}"
        lines += textwrap.wrap(printable(said), LINE, max_lines=2, placeholder=" ...")
    return "\n".join([*lines, f"seed {row['seed']}"])
