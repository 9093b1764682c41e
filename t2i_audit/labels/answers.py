"""What counts as yes, no and "cannot tell" in a file of labels."""

from __future__ import annotations

from typing import Any

from t2i_audit.labels.table import text_of

YES = frozenset(("yes", "y", "true", "t", "right", "correct", "1", "1.0"))
NO = frozenset(("no", "n", "false", "f", "wrong", "incorrect", "0", "0.0"))
UNSURE = frozenset(("cannot tell", "can't tell", "unsure", "unclear", "unknown", "?"))


def answer_of(cell: Any) -> bool | None:
    """The answer in a cell that is not empty; None is "cannot tell".

    Raises:
        ValueError: it is on no scale of yes and no; the message is a reason.
    """
    text = text_of(cell).casefold()
    if text in YES:
        return True
    if text in NO:
        return False
    if text in UNSURE:
        return None
    raise ValueError(f"{text_of(cell)[:40]!r} is no answer; give yes, no or cannot tell")
