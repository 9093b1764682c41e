"""What every page that the program writes keeps to: escaped text, and a policy on scripts."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def page_environment(package: str, folder: str) -> Environment:
    """The templates in `folder` of `package`; they escape every text, and refuse unknown names."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package, folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_asset(package: str, folder: str, name: str) -> str:
    """The text of a style or script beside the templates."""
    return (files(package) / folder / name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """As a content security policy names a style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
