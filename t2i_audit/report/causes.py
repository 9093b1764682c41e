"""Why images are wrong: the table of causes, and what must be known to read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from t2i_audit.analysis.culprit import CAUSES
from t2i_audit.printable import counted, listed, printable
from t2i_audit.report.styles import print_legend, styled
from t2i_audit.report.tables import make_table
from t2i_audit.report.verdict import CAUSE_NAMES
from t2i_audit.results.attribution import AttributionShares, Cause, Detail

if TYPE_CHECKING:
    from rich.console import Console

NAMES: dict[Cause, str] = {"encoder": "text encoder"}
LEGEND: dict[Cause, str] = {
    "encoder": "what was drawn wrong is lost at the text encoder",
    "denoiser": "it is held there, and wrong in 1 of 4 of the prompt's images or more",
    "chance": "it is held there, and right in over 3 of 4 of the prompt's images",
    "not told from chance": "it is held there; the denoiser or chance (told from 3 seeds on)",
    "unclear": "it was not read, or is called lost although mostly drawn right",
}
DETAILS: dict[Detail, str] = {
    "lost_on_the_way_in": "lost on the way in",
    "held_not_drawn": "held, not drawn",
    "unclear": "unclear",
}
EARLIER = "shares are of failing prompts, by the rules of the earlier version that made this run"


def cause_name(cause: Cause) -> str:
    """In plain words, e.g. ``denoiser or chance``."""
    return CAUSE_NAMES[cause].removeprefix("the ")


def print_causes(screen: Console, attribution: AttributionShares) -> None:
    """Print the shares of the causes; nothing where no image is wrong."""
    counts = attribution.causes["unclear"].n
    if not counts:
        return
    by_image = attribution.of == "images"
    screen.print()
    if by_image:
        prompts = counted(attribution.failing_prompts, "prompt")
        title = f"Why images are wrong: {counted(counts, 'wrong image')} of {prompts}"
    else:
        title = f"Why prompts fail: {counted(counts, 'failing prompt')}, those with a wrong image"
    screen.print(styled(title, "bold"))
    given = [cause for cause in CAUSES if cause in attribution.causes]
    rows = []
    for cause in given:
        rows.append((NAMES.get(cause, cause), str(attribution.causes[cause])))
        if cause in ("denoiser", "not told from chance"):
            rows += [
                (f"  {name}", str(attribution.details[detail]))
                for detail, name in DETAILS.items()
                if detail in attribution.details
            ]
    share = "share of wrong images" if by_image else "share of failing prompts"
    screen.print(make_table(("cause", share), rows))
    legend = (f"{NAMES.get(cause, cause)}: {LEGEND[cause]}" for cause in given)
    print_legend(screen, *(legend if by_image else [EARLIER]))
    for line in (*power_lines(attribution), *repeat_lines(attribution)):
        screen.print(printable(line))


def power_lines(attribution: AttributionShares) -> Iterator[str]:
    """Where the probe of the denoiser cannot say what was lost; at most one line."""
    if attribution.underpowered:
        parts = [f"{what} in only {read}" for what, read in attribution.underpowered.items()]
        yield (
            f"The probe of the denoiser reads {listed(parts)} of the images that are drawn right, "
            "so it cannot say where the wrong ones lost it."
        )


def repeat_lines(attribution: AttributionShares) -> Iterator[str]:
    """Whether failures repeat where the denoiser has all it needs; at most one line."""
    if attribution.repeats.is_defined:
        yield f"Repeatability where the text encoder holds the prompt: ICC {attribution.repeats}"
