"""Several judges of one run on the screen: what each finds right, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from t2i_audit.printable import counted, printable
from t2i_audit.report.styles import print_legend, styled
from t2i_audit.report.tables import make_table
from t2i_audit.results.judges import JudgeAgreement, JudgeSummary

if TYPE_CHECKING:
    from rich.console import Console


def print_judges(
    screen: Console, judges: Sequence[JudgeSummary], agreements: Sequence[JudgeAgreement]
) -> None:
    """Print a line for each judge, the primary one first, and one for each two of them."""
    screen.print()
    screen.print(styled("What each judge finds right", "bold"))
    rows = [
        (printable(each.name), str(each.success), str(each.success.n), str(_left_out(each)))
        for each in judges
    ]
    screen.print(make_table(("judge", "right", "decided", "not decided"), rows))
    print_legend(
        screen,
        f"all other figures are those of {printable(judges[0].name)}, the primary judge",
        "right: share of the images that the judge decided, with 95% interval",
    )
    for each in agreements:
        one, other = map(printable, each.judges)
        kappa = f"kappa {each.kappa}" if each.kappa.is_defined else "kappa undefined"
        screen.print(
            f"{one} and {other} agree on {each.same} of {counted(each.same.n, 'image')} ({kappa}) "
            f"and differ on {each.n_different:,}"
        )


def _left_out(judge: JudgeSummary) -> int:
    return judge.n_abstained + judge.n_undecided + judge.n_unread
