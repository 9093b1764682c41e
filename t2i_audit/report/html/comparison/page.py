"""The sections of the page, in their order."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from t2i_audit import storage
from t2i_audit.printable import counted, printable
from t2i_audit.report.html.comparison.differences import (
    decodability_charts,
    flips_table,
    p_text,
    points,
    success_chart,
    use_chart,
)
from t2i_audit.report.html.comparison.flipped import flipped_section
from t2i_audit.report.html.comparison.power import power_section
from t2i_audit.report.html.comparison.settings import settings_table
from t2i_audit.report.html.links import report_link
from t2i_audit.report.html.page import Section, render_page
from t2i_audit.results.comparison import Comparison, Flips, Outcome

# A sign beside each word, as colour alone tells nothing to some.
SIGNS: dict[Outcome, tuple[str, str]] = {
    "better": ("\u25b2", "good"),
    "worse": ("\u25bc", "bad"),
    "not told apart": ("\u25cf", "unsure"),
}


def comparison_page(comparison: Comparison, *, root: Path, most_bytes: int) -> str:
    """The page of `comparison` as HTML.

    Args:
        comparison: of two runs, whose directories hold the images.
        root: the folder in which the page will lie; it links to the pages of the two runs that
            have one.
        most_bytes: how large the page may grow by its images.

    Raises:
        RunDirectoryError: a run's manifest cannot be read.
    """
    title = printable(f"{comparison.candidate_model} against {comparison.base_model}")
    before = [_verdict(comparison, root), _differences(comparison)]
    after = [
        _decodability(comparison),
        _use(comparison),
        power_section(comparison),
        _how(comparison),
    ]
    left = most_bytes - len(_page(title, [*before, *after]).encode())
    flipped = flipped_section(comparison, most_bytes=left)
    return _page(title, [*before, flipped, *after])


def _page(title: str, sections: Sequence[Section | None]) -> str:
    return render_page(title, [each for each in sections if each is not None])


def _verdict(comparison: Comparison, root: Path) -> Section:
    sign, style = SIGNS[comparison.outcome]
    overall, general = comparison.overall, comparison.in_general
    runs = [
        (name, printable(model), printable(run), report_link(run, root), str(rate))
        for name, model, run, rate in (
            ("base", comparison.base_model, comparison.base, overall.base),
            ("candidate", comparison.candidate_model, comparison.candidate, overall.candidate),
        )
    ]
    context = {
        "sign": sign,
        "style": style,
        "outcome": comparison.outcome,
        "sentence": printable(comparison.sentence),
        "flips": _flips_sentence(comparison.flips),
        "runs": runs,
        "difference": points(overall.difference),
        "in_general": points(general) if general.is_defined else "",
        "measured": printable(
            f"{comparison.suite}, {counted(comparison.n_prompts, 'prompt')} x "
            f"{counted(comparison.n_seeds, 'seed')} ({counted(overall.difference.n, 'image')} of "
            f"each run), judged by {comparison.judge}"
        ),
        "notes": [printable(note) for note in comparison.notes],
    }
    return Section("verdict", "The verdict", "comparison/verdict.html", context)


def _differences(comparison: Comparison) -> Section:
    context = {"flips": flips_table(comparison.flips)}
    charts = (success_chart(comparison),)
    return Section("success", "Success", "comparison/success.html", context, charts)


def _decodability(comparison: Comparison) -> Section | None:
    charts = decodability_charts(comparison)
    if not charts:
        return None
    return Section("decodability", "Decodability", "charts.html", charts=charts)


def _use(comparison: Comparison) -> Section | None:
    if not comparison.use:
        return None
    return Section("use", "Use", "charts.html", charts=(use_chart(comparison),))


def _how(comparison: Comparison) -> Section:
    runs = comparison.base, comparison.candidate
    context = {
        "noise": comparison.same_noise,
        "settings": settings_table(*map(storage.opened, runs)),
        "command": printable(f"t2i-audit compare {' '.join(map(shlex.quote, runs))}"),
    }
    return Section("how", "How the two runs were made", "comparison/how.html", context)


def _flips_sentence(flips: Flips) -> str:
    if flips.better + flips.worse == 0:
        return f"No prompt of {flips.same:,} has more right images in one run than in the other."
    many = counted(flips.better + flips.worse + flips.same, "prompt")
    return (
        f"Of {many}, {flips.worse:,} have fewer right images in the candidate, {flips.better:,} "
        f"have more, and {flips.same:,} as many (exact p: {p_text(flips.p_value)})."
    )
