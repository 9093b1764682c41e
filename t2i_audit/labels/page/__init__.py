"""The page on which people label images: one HTML file that needs no server and asks for nothing.

The content security policy allows the page's own style and script, by their hashes, and images
that are embedded. No request leaves it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from t2i_audit.web import page_asset, page_environment, policy_hash

TEMPLATES = ("t2i_audit.labels", "page")
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
    known = json.dumps([[each.image, each.image_sha256, each.weight] for each in items])
    data = {
        "key": hashlib.sha256(known.encode()).hexdigest()[:DIGITS],
        "columns": list(columns),
        "items": [asdict(item) for item in items],
    }
    style, script = (page_asset(*TEMPLATES, name) for name in ("page.css", "page.js"))
    environment = page_environment(*TEMPLATES)
    return environment.get_template("page.html").render(
        title=title,
        data=data,
        style=style,
        script=script,
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
    )
