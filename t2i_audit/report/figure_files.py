"""A figure as PNG and SVG, whose bytes depend on the figure alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.io import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120


def write_png_and_svg(figure: Figure, stem: Path) -> tuple[Path, ...]:
    """Write `figure` to `stem` with ``.png`` and with ``.svg`` added; returns the files.

    Equal figures give equal bytes where matplotlib's ``svg.hashsalt`` is set. The figure keeps the
    layout that it has then.
    """
    # Laid out here, as it would be laid out anew for each file. With any engine, even "none",
    # matplotlib draws once more for each.
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    files = []
    for ending in ("png", "svg"):
        buffer = io.BytesIO()
        metadata = {"Date": None} if ending == "svg" else {"Software": None}
        figure.savefig(buffer, format=ending, dpi=DPI, metadata=metadata)
        path = stem.with_name(f"{stem.name}.{ending}")
        write_bytes(path, buffer.getvalue())
        files.append(path)
    return tuple(files)
