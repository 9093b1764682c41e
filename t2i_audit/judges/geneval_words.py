"""Which class of a detector a word of a prompt means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from prompts.inflection import singular_of

# Names of one thing: COCO's, GenEval's where it differs, and what else prompts call it. A name for
# something wider or narrower ("table", "woman") is none of them.
SYNONYMS = (
    ("airplane", "aeroplane", "plane"),
    ("backpack", "rucksack"),
    ("bicycle", "bike"),
    ("cell phone", "cellphone", "mobile phone", "smartphone"),
    ("couch", "sofa"),
    ("dining table", "diningtable"),
    ("donut", "doughnut"),
    ("hair drier", "hair dryer"),
    ("handbag", "purse"),
    ("hot dog", "hotdog"),
    ("keyboard", "computer keyboard"),
    ("laptop", "laptop computer"),
    ("motorcycle", "motorbike"),
    ("mouse", "computer mouse"),
    ("potted plant", "pottedplant", "houseplant"),
    ("refrigerator", "fridge"),
    ("remote", "tv remote", "remote control"),
    ("skis", "ski"),
    ("sports ball", "ball"),
    ("teddy bear", "teddy"),
    ("tv", "television", "tv monitor", "tvmonitor"),
)
# What detectors call classes that are none, e.g. the gaps in COCO's 91 numbers.
NO_CLASS = re.compile(r"n/a|label_\d+|no.object|background|")


@dataclass(frozen=True)
class WordTable:
    """From words to the classes of one detector."""

    labels: tuple[str, ...] | None
    """Its classes; None for a detector that takes any word."""

    def label_of(self, word: str) -> str | None:
        """The class that `word` means; None if the detector has none.

        >>> table = WordTable(("couch", "tv", "wine glass", "mouse"))
        >>> [table.label_of(word) for word in ("sofas", "television", "wine glasses", "table")]
        ['couch', 'tv', 'wine glass', None]
        """
        if self.labels is None:
            return plain(word)
        for name in dict.fromkeys((plain(word), singular_of(plain(word)))):
            if name in self._known:
                return self._known[name]
        return None

    def of(self, words: Iterable[str]) -> dict[str, str | None]:
        """The table of `words`, each with its class or None."""
        return {word: self.label_of(word) for word in words}

    @cached_property
    def _known(self) -> dict[str, str]:
        """From every name that is understood to a class; a class's own name goes first."""
        own = {plain(label): label for label in self.labels or ()}
        known = dict(own)
        for names in SYNONYMS:
            label = next((own[name] for name in names if name in own), None)
            if label is not None:
                for name in names:
                    known.setdefault(name, label)
        return known


def named(labels: Iterable[str]) -> tuple[str, ...]:
    """The `labels` that name a class."""
    return tuple(label for label in labels if not NO_CLASS.fullmatch(label.strip().casefold()))


def plain(word: str) -> str:
    """`word` without capitals, hyphens and underscores.

    >>> plain("Traffic-Light")
    'traffic light'
    """
    return " ".join(re.split(r"[\s_-]+", word.casefold().strip()))
