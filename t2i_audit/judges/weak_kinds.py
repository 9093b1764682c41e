"""What a judge is known not to tell apart, and where it is the only judge of it."""

from __future__ import annotations

from collections.abc import Sequence

from prompts.foils.known_words import vocabularies_of
from prompts.structure import Prompt

BINDING, RELATIONS, COUNTS, NEGATION = (
    "binding with several objects",
    "relations",
    "counts",
    "negation",
)
# Where it was measured that CLIP and its kin hardly tell these apart.
SOURCES = {
    BINDING: "Winoground (Thrush et al. 2022), ARO (Yuksekgonul et al. 2023)",
    RELATIONS: "ARO, SugarCrepe (Hsieh et al. 2023)",
    COUNTS: "CountBench (Paiss et al. 2023)",
    NEGATION: "NegBench (Alhamoud et al. 2025)",
}


def weak_kinds(judges: Sequence[str], prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """What `prompts` ask for that CLIP is weak at, if no other kind of judge judges it.

    The built-in judge is no such CLIP: it was trained to tell them apart in the rendered world,
    and its figures there are measured.

    Args:
        judges: the names of all judges of a run.
        prompts: of the suite.

    >>> from prompts.world import Content, write
    >>> suite = [write(Content((("red", "star"), ("blue", "cross")), "above"))]
    >>> weak_kinds(["clip:ViT-B-32/openai"], suite)
    ('binding with several objects', 'relations')
    >>> weak_kinds(["clip:ViT-B-32/openai", "oracle"], suite), weak_kinds(["clip"], suite)
    ((), ())
    """
    if not judges or not all(name.startswith("clip:") for name in judges):
        return ()
    found = {kind for prompt in prompts for kind in _kinds_of(prompt)}
    return tuple(kind for kind in SOURCES if kind in found)


def weakness_note(judge: str, kinds: Sequence[str]) -> str:
    """The sentence for the reader of results that rest on a CLIP judge alone."""
    sources = "; ".join(f"{kind}: {SOURCES[kind]}" for kind in kinds)
    return (
        f"{judge} is the only judge of {' and of '.join(kinds)}, which CLIP models are known to "
        f"tell apart little better than by chance ({sources}). Add a judge of another kind, or "
        "calibrate this one with labels."
    )


def _kinds_of(prompt: Prompt) -> set[str]:
    vocabularies = vocabularies_of(prompt)
    found = set()
    attributes: dict[str, set[tuple[str, ...]]] = {}
    for part in prompt.constituents:
        vocabulary = vocabularies[part.kind]
        if part.value in vocabulary.table.negative:
            found.add(NEGATION)
        elif len(part.entities) > 1:
            found.add(RELATIONS)
        elif vocabulary.role == "count":
            found.add(COUNTS)
        elif vocabulary.role == "attribute":
            attributes.setdefault(part.kind, set()).add(part.entities)
    if any(len(owners) > 1 for owners in attributes.values()):
        found.add(BINDING)
    return found
