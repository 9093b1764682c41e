"""Controls for implausible combinations and rare words.

``typical`` keeps only pairs of noun and attribute that the vocabulary lists as plausible, and
``atypical`` only the others; foils obey the same restriction. A frequency band keeps the words of
each vocabulary whose frequencies lie within a band of the Zipf scale (van Heuven and others,
*Quarterly Journal of Experimental Psychology* 67, 2014), as given by the library ``wordfreq``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prompts.errors import RequestError
from prompts.grammar.bans import AllowedPairs
from prompts.grammar.load import Grammar
from prompts.vocabulary import Vocabulary

Plausibility = Literal["any", "typical", "atypical"]


@dataclass(frozen=True)
class Control:
    """The controls of a suite, as its header records them."""

    plausibility: Plausibility = "any"
    frequency_band: float | None = None
    """Width in Zipf units (powers of ten of the frequency); None for no control."""
    frequencies: Mapping[str, tuple[float, float]] | None = None
    """For each restricted vocabulary, the lowest and highest Zipf frequency of its words."""


def control(
    grammar: Grammar, *, plausibility: Plausibility = "any", frequency_band: float | None = None
) -> tuple[Grammar, Control]:
    """`grammar` under the requested controls, and the record of the controls.

    Raises `RequestError` if no words are left, or the vocabularies list no plausible pairs.
    """
    vocabularies = dict(grammar.expanded.vocabularies)
    frequencies = None
    if frequency_band is not None:
        if not frequency_band > 0:
            raise RequestError(f"the frequency band should be above 0, not {frequency_band:g}")
        frequencies = {}
        for kind, vocabulary in grammar.vocabularies.items():
            if vocabulary.role in ("noun", "attribute"):
                kept, ends = _in_band(vocabulary, frequency_band)
                vocabularies[kind] = kept
                frequencies[kind] = ends
    allowed = _allowed(grammar, vocabularies, plausibility) if plausibility != "any" else {}
    if frequencies is None and plausibility == "any":
        return grammar, Control()
    controlled = grammar.controlled(vocabularies, allowed)
    return controlled, Control(plausibility, frequency_band, frequencies)


def _in_band(vocabulary: Vocabulary, width: float) -> tuple[Vocabulary, tuple[float, float]]:
    """The band of `width` with the most words, and its ends; ties go to more frequent words."""
    from wordfreq import zipf_frequency

    zipf = sorted((zipf_frequency(value, "en"), value) for value in vocabulary.values)
    figures = [figure for figure, _ in zipf]
    spans = [(bisect_right(figures, low + width) - i, i) for i, low in enumerate(figures)]
    count, start = max(spans)
    if count < 2:
        raise RequestError(
            f"a frequency band of {width:g} leaves one word of vocabulary {vocabulary.name!r}; "
            "use a wider band"
        )
    band = zipf[start : start + count]
    return vocabulary.restricted([value for _, value in band]), (band[0][0], band[-1][0])


def _allowed(
    grammar: Grammar, vocabularies: Mapping[str, Vocabulary], plausibility: Plausibility
) -> AllowedPairs:
    used = grammar.vocabularies
    allowed = {}
    for kind in used:
        for attribute, typical in vocabularies[kind].table.typical.items():
            if attribute not in used:
                continue
            values = vocabularies[attribute].values
            pairs = {
                (noun, value)
                for noun in vocabularies[kind].values
                for value in values
                if (value in typical.get(noun, values)) == (plausibility == "typical")
            }
            allowed[kind, attribute] = frozenset(pairs)
    if not allowed:
        raise RequestError(
            f"the vocabularies of grammar {grammar.name!r} do not list plausible pairs; "
            "add a table such as [object.typical.colour], or leave the control out"
        )
    return allowed
