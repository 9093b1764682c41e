"""Which slots have no verdict, or an unclear one, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from t2i_audit.printable import listed, printable
from t2i_audit.report.styles import plain_words
from t2i_audit.report.verdict import is_presence
from t2i_audit.results.decoding import StationSummary, Verdict


@dataclass(frozen=True)
class Undecided:
    """Slots without a clear verdict for one reason."""

    verdict: Verdict
    """``unclear`` or ``undefined``."""
    reason: str
    slots: tuple[str, ...]
    stations: tuple[str, ...]
    """In plain words."""
    everywhere: bool
    """Whether these are all stations."""

    @property
    def line(self) -> str:
        """E.g. ``Unclear: relation at the denoiser (its interval reaches across ...)``."""
        at = "" if self.everywhere else f" at the {self.stations[0]}"
        slots = ", ".join(self.slots)
        return printable(f"{self.verdict.capitalize()}: {slots}{at} ({self.reason})")

    @property
    def sentence(self) -> str:
        """The same as a sentence, for those who do not know the verdicts."""
        stations = " and the ".join(self.stations)
        verb = "holds" if len(self.stations) == 1 else "hold"
        slots = listed(self.slots)
        if self.verdict == "unclear":
            return printable(f"It is unclear whether the {stations} {verb} {slots}: {self.reason}.")
        return printable(f"Nothing is known of {slots} at the {stations}: {self.reason}.")


def undecided_slots(stations: Mapping[str, StationSummary]) -> Iterator[Undecided]:
    """Which slots are undefined or unclear, where and why; one for each reason."""
    where: dict[tuple[Verdict, str, tuple[str, ...]], list[str]] = {}
    for name, station in stations.items():
        reasons: dict[tuple[Verdict, str], list[str]] = {}
        for slot, decoding in station.slots.items():
            if decoding.reason and not is_presence(slot):
                reasons.setdefault((decoding.verdict, decoding.reason), []).append(slot)
        for (verdict, reason), found in reasons.items():
            where.setdefault((verdict, reason, tuple(found)), []).append(plain_words(name))
    for (verdict, reason, slots), places in where.items():
        everywhere = len(places) == len(stations)
        yield Undecided(verdict, reason, slots, tuple(places), everywhere)
