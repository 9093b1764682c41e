"""Whether an encoder's window ends before a text does, tested by adding more text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from t2i_audit.activations.text.hooks import recording
from t2i_audit.pipelines.text_encoders import TextEncoder

Cut = dict[str, dict[str, bool]]
"""Encoder -> text -> whether the encoder's window ends before the text does."""


def cut_off(
    encoders: Sequence[TextEncoder],
    encode: Callable[[Sequence[str]], object],
    texts: Iterable[str],
    given: Mapping[str, Mapping[str, Sequence[int]]],
    *,
    batch_size: int,
) -> Cut:
    """Which of `texts` each encoder cuts off.

    A text that is cut off gives the same tokens when more text follows it. A text that the pipeline
    shortened in another way does not.

    Args:
        encoders: of one pipeline.
        encode: runs the pipeline's prompt encoding.
        texts: those that an encoder does not get unchanged.
        given: encoder -> text -> the token ids that the encoder got for it.
        batch_size: texts per forward pass.

    Returns:
        An encoder whose calls cannot be assigned to texts has no entries.
    """
    found: Cut = {encoder.name: {} for encoder in encoders}
    every = list(texts)
    for start in range(0, len(every), batch_size):
        batch = every[start : start + batch_size]
        with recording(encoders, states=False) as calls:
            encode([f"{text} {text}" for text in batch])
        for name, own in calls.items():
            rows = [row for call in own for row in call.ids.tolist()]
            if len(rows) == len(batch):
                pairs = zip(batch, rows, strict=True)
                found[name] |= {text: row == given[name].get(text) for text, row in pairs}
    return found
