"""Which slots have no verdict, or an unclear one, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from t2i_audit.printable import printable
from t2i_audit.report.styles import plain_words
from t2i_audit.report.verdict import is_presence
from t2i_audit.results.decoding import StationSummary


def undecided_lines(stations: Mapping[str, StationSummary]) -> Iterator[str]:
    """Which slots are undefined or unclear, where and why; a line for each reason."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for name, station in stations.items():
        reasons: dict[tuple[str, str], list[str]] = {}
        for slot, decoding in station.slots.items():
            if decoding.reason and not is_presence(slot):
                reasons.setdefault((decoding.verdict, decoding.reason), []).append(slot)
        for (verdict, reason), slots in reasons.items():
            where.setdefault((verdict, reason, ", ".join(slots)), []).append(plain_words(name))
    for (verdict, reason, names), places in where.items():
        at = "" if len(places) == len(stations) else f" at the {places[0]}"
        yield printable(f"{verdict.capitalize()}: {names}{at} ({reason})")
