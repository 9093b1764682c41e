"""An examination of a checkpoint, printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from t2i_audit.printable import print_line
from t2i_audit.report.tables import print_table
from t2i_audit.results.examination import Examination

NOT_LOCATED = "not located"
LOCATED_BY = {"declared": "declaration", "search": "search"}


def print_examination(found: Examination) -> None:
    """Print `found` as tables on stdout."""
    print_line(f"{found.model}: {found.pipeline}, {found.dtype} on {found.device}")
    print_line(_sampling(found))
    print_line("")
    print_table(
        ("component", "class", "parameters", "dtype", "device"),
        [
            (each.name, each.kind, f"{each.parameters:,}", each.dtype, each.device)
            for each in found.components
        ],
    )
    print_line("")
    print_table(
        ("text encoder", "class", "layers", "width", "tokenizer", "window"),
        [
            (
                each.name,
                each.kind,
                str(each.layers),
                "unknown" if each.width is None else str(each.width),
                each.tokenizer,
                "states none" if each.window is None else f"{each.window} tokens",
            )
            for each in found.encoders
        ],
    )
    if found.denoiser is not None:
        print_line("")
        _print_denoiser(found.denoiser)
    if found.notes:
        print_line("")
    for note in found.notes:
        print_line(f"Note: {note}")


def _sampling(found: Examination) -> str:
    guidance = "" if found.guidance_scale is None else f", guidance {found.guidance_scale:g}"
    size = "" if found.size is None else f", {found.size[0]} x {found.size[1]} pixels"
    return f"{found.steps} sampling steps{guidance}{size}"


def _print_denoiser(layout: Mapping[str, Any]) -> None:
    conditional = layout["conditional"] or NOT_LOCATED
    print_line(
        f"Denoiser {layout['component']}: located by {LOCATED_BY[layout['located_by']]}, in "
        f"{layout['searched_in']}; conditional part: {conditional}"
    )
    for name, each in layout["text_arguments"].items():
        print_line(f"  {name} is given as {each['argument']}, {_shifted(each['shift'])}")
    rows = [
        (block, _image(layout["image"][block]), _text(layout["text"].get(block, {})))
        for block in layout["blocks"]
    ]
    print_table(("block", "image", "text"), rows)


def _image(place: Mapping[str, Any] | None) -> str:
    if place is None:
        return NOT_LOCATED
    height, width = place["size"]
    first = place["first"]
    where = "" if first in (0, None) else f" from token {first}"
    return f"output {place['output']}, {height} x {width}{where}"


def _text(places: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{name}: output {each['output']}, {_shifted(each['shift'])}"
        for name, each in places.items()
    )


def _shifted(shift: int | None) -> str:
    if shift is None:
        return "shifted by each prompt's own length"
    return "not shifted" if not shift else f"shifted by {shift:+d} tokens"
