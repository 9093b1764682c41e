"""Show the doctests of docstrings as code in the manual (a griffe extension, see mkdocs.yml)."""

from __future__ import annotations

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"(?m)^>>> .*(?:\n.*\S.*)*")


class DocstringExamples(griffe.Extension):
    """Puts each doctest into a fenced block; as plain text its brackets would be links."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of `obj`, if it has one."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(docstring: str) -> str:
    """`docstring` with each of its doctests in a fenced block.

    >>> print(fenced("One.\\n\\n>>> 1 + 1\\n2\\n\\nTwo."))
    One.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    <BLANKLINE>
    Two.
    """
    return DOCTEST.sub(lambda match: f"```pycon\n{match[0]}\n```", docstring)
