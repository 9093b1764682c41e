"""Closed lists of words that mention a constituent again; see `prompts.english.mentions`."""

from __future__ import annotations

import re
from collections.abc import Iterable


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


DEFINITE = frozenset(("the", "this", "that", "these", "those", "both", "all"))
INTRODUCING = DEFINITE | {"a", "an", "its", "their", "his", "her", "some", ""}
SENTENCE_ENDS = frozenset((".", "!", "?", ";"))
COPULAS = {
    False: frozenset(("is", "was", "looks", "seems", "appears", "remains")),
    True: frozenset(("are", "were", "look", "seem", "appear", "remain")),
}
# Nouns that refer to a thing named before; the word alone does not tell which one.
GENERIC = _set(
    "animal animals appliance beast beings being container couple craft creature creatures device "
    "devices dish duo figure figures food former fruit fruits furniture garment group instrument "
    "item items latter machine machines object objects one ones other others pair person people "
    "pet pets piece pieces plant subject subjects thing things tool toy trio utensil vegetable "
    "vehicle vehicles vessel"
)
# Nouns that a sentence may begin with without referring to a thing named before.
SCENERY = _set(
    "air atmosphere background camera ceiling color colors colour colours composition floor "
    "foreground frame ground image landscape light lighting mood overall photo photograph picture "
    "room scene setting shadow shadows shot sky style sun surroundings view wall walls weather"
)
# Words that repeat a number, or refer to some of the things that were counted.
COUNTING = _set(
    "another both couple double dozen duo either former half latter neither one other others pair "
    "quartet remaining rest second single third trio twin twins"
)
AXES = (
    frozenset(("left", "right", "leftmost", "rightmost")),
    _set(
        "above atop below beneath bottom high higher low lower over top under underneath upper "
        "overhead"
    ),
    frozenset(("front", "behind", "back", "rear", "background", "foreground", "hidden")),
    frozenset(("near", "next", "beside", "far", "close", "away", "side", "by")),
)
FUNCTION = frozenset(("of", "the", "to", "on", "in", "at", "a", "from", "with"))
# Words that repeat an attribute by another name; a foil cannot change them.
SHADES = {
    "red": "crimson scarlet ruby maroon burgundy cherry vermilion",
    "orange": "tangerine amber",
    "yellow": "golden gold lemon mustard amber",
    "green": "emerald olive lime jade mint",
    "blue": "navy azure cobalt turquoise teal cyan indigo",
    "purple": "violet lavender magenta lilac mauve plum",
    "pink": "rose rosy fuchsia magenta",
    "brown": "chocolate tan beige chestnut",
    "black": "ebony jet dark charcoal",
    "white": "ivory snowy cream",
    "grey": "gray silver ash ashen",
    "gold": "golden",
    "golden": "gold",
    "silver": "silvery",
    "metal": "metallic",
    "metallic": "metal",
    "round": "circular rounded spherical",
    "wooden": "wood",
    "big": "large",
    "large": "big",
    "small": "little tiny",
}
_DERIVED = re.compile(r"(?:d?ish|d?er|d?est|ness|y|d?en|d?ened|ed|s|es)\Z")


def repeats(word: str, forms: Iterable[str]) -> bool:
    """Whether a word repeats an attribute in another form: "blackish", "matte-black"."""
    pieces = word.split("-")
    for form in forms:
        if form in pieces or word in SHADES.get(form, "").split():
            return True
        if len(form) > 2 and word.startswith(form) and _DERIVED.fullmatch(word[len(form) :]):
            return True
    return False
