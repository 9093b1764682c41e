"""Which values of a slot are lost where the others are read, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from t2i_audit.printable import printable
from t2i_audit.results.decoding import SlotDecoding, StationSummary
from t2i_audit.results.interval import Interval

MOST_NAMED = 4  # values of one slot


def lost_values(decoding: SlotDecoding) -> dict[str, Interval]:
    """Values whose recall is below the slot's threshold for certain, lowest first.

    None where no other value is above it for certain: then the slot is low everywhere, which its
    verdict says.
    """
    recalls, threshold = decoding.recalls, decoding.threshold
    if not any(recall.lower >= threshold for recall in recalls.values()):
        return {}
    lost = [value for value, recall in recalls.items() if recall.upper < threshold]
    return {value: recalls[value] for value in sorted(lost, key=lambda v: recalls[v].estimate)}


def value_lines(stations: Mapping[str, StationSummary]) -> Iterator[str]:
    """A line for each slot and station at which some values are lost and others are read."""
    for name, station in stations.items():
        for slot, decoding in station.slots.items():
            said = value_sentence(decoding)
            if said:
                yield printable(f"{name.replace('_', ' ').capitalize()}, {slot}: {said}")


def value_sentence(decoding: SlotDecoding) -> str:
    """E.g. ``green (0.25 [0.17, 0.35]) and purple (0.18 [0.11, 0.27]) are lost; the other 4 values
    are read in 97% or more; green and purple are read as each other``; empty if there is nothing
    to say."""
    lost = lost_values(decoding)
    if not lost:
        return ""
    named = [f"{value} ({recall})" for value, recall in lost.items()][:MOST_NAMED]
    if len(lost) > MOST_NAMED:
        named.append(f"{len(lost) - MOST_NAMED} more")
    said = f"{listed(named)} {'is' if len(lost) == 1 else 'are'} lost"
    others = [each for value, each in decoding.recalls.items() if value not in lost]
    least = min(each.estimate for each in others)
    which = "the other value is" if len(others) == 1 else f"the other {len(others)} values are"
    said += f"; {which} read in {_at_least(least)}"
    return "; ".join([said, *_confusions(decoding, lost)])


def _at_least(share: float) -> str:
    return "all prompts" if share == 1 else f"{int(100 * share)}% or more"


def _confusions(decoding: SlotDecoding, lost: Mapping[str, Interval]) -> Iterator[str]:
    told: set[str] = set()
    for value in lost:
        other = decoding.read_as.get(value)
        if other is None or value in told:
            continue
        if decoding.read_as.get(other) == value:
            told.add(other)
            yield f"{value} and {other} are read as each other"
        else:
            yield f"{value} is read as {other}"


def listed(names: Sequence[str]) -> str:
    """E.g. ``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
