"""The page on which people label images: one HTML file that needs no server and asks for nothing.

The content security policy allows the page's own style and script, by their hashes, and images
that are embedded. No request leaves it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files

DIGITS = 16  # of the hash by which a browser finds the answers of a page again


@dataclass(frozen=True)
class PageQuestion:
    """A question about an image, to be answered with yes, no or cannot tell."""

    columns: tuple[str, ...]
    """The columns of the table of labels that its answer fills."""
    text: str


@dataclass(frozen=True)
class PageItem:
    """An image to be labelled."""

    image: str
    """Its file in the run."""
    prompt_id: str
    seed: int
    image_sha256: str
    weight: float
    prompt: str
    source: str
    """Its pixels, as a ``data:`` address."""
    questions: tuple[PageQuestion, ...]


def render_page(items: Sequence[PageItem], *, title: str, columns: Sequence[str]) -> str:
    """The page for `items`, in their order.

    Args:
        items: the images.
        title: what the page is called.
        columns: the columns of the table that it saves, in their order.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    known = json.dumps([[each.image, each.image_sha256, each.weight] for each in items])
    data = {
        "key": hashlib.sha256(known.encode()).hexdigest()[:DIGITS],
        "columns": list(columns),
        "items": [asdict(item) for item in items],
    }
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    environment = Environment(
        loader=PackageLoader("t2i_audit.labels", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=title,
        data=data,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _asset(name: str) -> str:
    return (files("t2i_audit.labels") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names a style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
