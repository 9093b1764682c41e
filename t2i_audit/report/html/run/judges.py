"""The judge: what is known of its errors, what it says without the image, and other judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from t2i_audit.errors import RunDirectoryError
from t2i_audit.printable import counted, listed, printable
from t2i_audit.report.html.chart import Chart, Table
from t2i_audit.report.html.intervals import Dot, dots, share_text
from t2i_audit.report.html.page import Section
from t2i_audit.results.judge_card import CARDS, Agreement, JudgeCard, read_cards
from t2i_audit.results.judge_facts import JudgeFacts
from t2i_audit.results.run import Run
from t2i_audit.results.summary import RunSummary

FIGURES = ("sensitivity", "specificity", "accuracy", "kappa", "alpha")
OWN = "images of their own prompts"


def judges_section(run: Run) -> Section:
    """What success rates should be read beside."""
    summary = run.summary
    if summary.success is None:
        sentences = ["This run made no images, so nothing was judged."]
        return Section("judge", "Judge", "run/sentences.html", {"sentences": sentences})
    charts = tuple(_blind(summary))
    cards, fault = _cards(run)
    return Section(
        "judge",
        "Judge",
        "run/judges.html",
        {
            "judge": printable(summary.judge or ""),
            "judges": _judges(summary) if len(summary.judges) > 1 else None,
            "agreements": list(_agreements(summary)),
            "cards": [_card(card) for card in cards],
            "fault": fault,
            "facts": list(_facts(summary)),
        },
        charts=charts,
    )


def _cards(run: Run) -> tuple[Sequence[JudgeCard], str]:
    """The judge cards of the run, and what is wrong with their file."""
    if not (run.path / CARDS).exists():
        return (), ""
    try:
        return read_cards(run.path / CARDS), ""
    except RunDirectoryError as err:
        return (), printable(f"The judge cards cannot be read: {err}.")


def _card(card: JudgeCard) -> dict[str, Any]:
    agreements = {"whole prompt": card.overall}
    agreements |= {f"slots of kind {kind}": each for kind, each in card.by_kind.items()}
    labels = f"{counted(card.n_labels, 'labelled image')} of {card.n_images:,} judged ones"
    table = Table(
        f"{card.judge} against {card.labels}: {labels}",
        ("of", *FIGURES, "labels"),
        tuple(
            (
                printable(name),
                *(str(getattr(each, figure)) for figure in FIGURES),
                f"{each.accuracy.n:,}",
            )
            for name, each in agreements.items()
        ),
        frozenset(range(1, len(FIGURES) + 2)),
    )
    return {
        "table": table,
        "sentence": _errors(card.overall, printable(card.judge)),
        "notes": [printable(note) for note in card.notes],
    }


def _errors(found: Agreement, judge: str) -> str:
    if not (found.sensitivity.is_defined and found.specificity.is_defined):
        return f"How often {judge} is wrong is undefined here: {found.reason}."
    return (
        f"Of what is truly right, {judge} calls {share_text(found.sensitivity)} right; of what is "
        f"truly wrong, it calls {share_text(found.specificity)} wrong."
    )


def _judges(summary: RunSummary) -> Table:
    return Table(
        "What each judge finds right; all other figures are those of the first, the primary one",
        ("judge", "right, with 95% interval", "images decided", "not decided"),
        tuple(
            (
                printable(each.name),
                share_text(each.success),
                f"{each.success.n:,}",
                f"{each.n_abstained + each.n_undecided + each.n_unread:,}",
            )
            for each in summary.judges
        ),
        frozenset({1, 2, 3}),
    )


def _agreements(summary: RunSummary) -> Iterator[str]:
    for each in summary.agreement:
        one, other = map(printable, each.judges)
        kappa = f"kappa {each.kappa}" if each.kappa.is_defined else "kappa undefined"
        yield (
            f"{one} and {other} agree on {share_text(each.same)} of "
            f"{counted(each.same.n, 'image')} ({kappa}) and differ on {each.n_different:,}."
        )


def _blind(summary: RunSummary) -> Iterator[Chart]:
    rows: list[Dot] = []
    success = {each.name: each.success for each in summary.judges}
    if summary.judge is not None and summary.success is not None:
        success.setdefault(summary.judge, summary.success.overall)
    for name, facts in summary.judge_facts.items():
        if facts.blind is None or name not in success:
            continue
        found = {
            OWN: success[name],
            "images of other prompts": facts.blind.shuffled.overall,
            "grey images": facts.blind.blank.overall,
        }
        if facts.blind.text_only is not None:
            found["captions by themselves"] = facts.blind.text_only.overall
        rows += [
            Dot(what, rate, f"called right by {printable(name)}", f"{rate.n:,} images")
            for what, rate in found.items()
        ]
    if not rows:
        return
    said = "; ".join(f"{row.name} {row.what}: {share_text(row.interval)}" for row in rows)
    yield Chart(
        "blind-baselines",
        "What the judge calls right when it cannot know better: prompts beside the images of other "
        "prompts, and beside grey ones. A judge that looks at images calls few of these right.",
        f"Shares of images: {said}.",
        dots(rows, title="share called right"),
        Table(
            "What the judge calls right, with and without the right image",
            ("shown", "verdict", "share, with 95% interval", "n"),
            tuple((row.name, row.what, share_text(row.interval), row.n) for row in rows),
            frozenset({2, 3}),
        ),
    )


def _facts(summary: RunSummary) -> Iterator[str]:
    for name, facts in summary.judge_facts.items():
        for sentence in _of_judge(name, facts):
            yield printable(sentence)


def _of_judge(name: str, facts: JudgeFacts) -> Iterator[str]:
    if facts.weak_kinds:
        yield (
            f"{name} is known not to tell {listed(facts.weak_kinds)} apart, and no other judge of "
            "the run judges that."
        )
    if facts.shares_weights_with:
        yield (
            f"{name} has the weights of the model's own {listed(facts.shares_weights_with)}, so it "
            "may share its errors."
        )
