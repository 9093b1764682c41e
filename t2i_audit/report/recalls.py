"""Which values of a slot are lost where the others are read, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from t2i_audit.printable import listed, printable
from t2i_audit.report.styles import plain_words
from t2i_audit.results.decoding import SlotDecoding, StationSummary
from t2i_audit.results.interval import Interval

MOST_NAMED = 4  # values of one slot


def lost_values(decoding: SlotDecoding) -> dict[str, Interval]:
    """The recall of each value that is lost, in order.

    It is below the slot's threshold for certain, or that of another value read as this one is, and
    on average their recalls are below it: a probe that guesses between two may say the same always.
    None are lost where no other value is above the threshold for certain: then the slot is low
    everywhere, which its verdict says.
    """
    recalls, threshold = decoding.recalls, decoding.threshold
    lost = {value for value, recall in recalls.items() if recall.upper < threshold}
    lost |= {value for pair in _read_as_one(decoding) for value in pair}
    if not any(recalls[value].lower >= threshold for value in recalls.keys() - lost):
        return {}
    return {value: recall for value, recall in recalls.items() if value in lost}


def _read_as_one(decoding: SlotDecoding) -> list[tuple[str, str]]:
    """Pairs of values that are not told apart; each value is in one pair at most."""
    recalls, pairs, taken = decoding.recalls, list[tuple[str, str]](), set[str]()
    for value, other in decoding.read_as.items():
        if other not in recalls or value in taken or other in taken:
            continue
        if (recalls[value].estimate + recalls[other].estimate) / 2 < decoding.threshold:
            first, second = sorted((value, other))
            pairs.append((first, second))
            taken |= {value, other}
    return pairs


def value_lines(stations: Mapping[str, StationSummary]) -> Iterator[str]:
    """A line for each slot and station at which some values are lost and others are read."""
    for name, station in stations.items():
        for slot, decoding in station.slots.items():
            said = value_sentence(decoding)
            if said:
                yield printable(f"{plain_words(name).capitalize()}, {slot}: {said}")


def value_sentence(decoding: SlotDecoding) -> str:
    """E.g. ``green (0.25 [0.17, 0.35]) and purple (0.18 [0.11, 0.27]) are read as one; the other 4
    values are read in 97% or more``; empty if there is nothing to say."""
    lost = lost_values(decoding)
    if not lost:
        return ""
    pairs = _read_as_one(decoding)
    said = [f"{_named(pair, lost)} are read as one" for pair in pairs]
    alone = [value for value in lost if not any(value in pair for pair in pairs)]
    if alone:
        named = _named(alone[:MOST_NAMED], lost)
        more = f" and {len(alone) - MOST_NAMED} more" if len(alone) > MOST_NAMED else ""
        said.append(f"{named}{more} {'is' if len(alone) == 1 else 'are'} lost")
    others = [each for value, each in decoding.recalls.items() if value not in lost]
    which = "the other value is" if len(others) == 1 else f"the other {len(others)} values are"
    least = min(each.estimate for each in others)
    share = "all prompts" if least == 1 else f"{int(100 * least)}% of their prompts or more"
    return "; ".join([*said, f"{which} read in {share}"])


def _named(values: Sequence[str], recalls: Mapping[str, Interval]) -> str:
    return listed([f"{value} ({recalls[value]})" for value in values])
