"""A forecast on one screen, and as a table of all prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit.printable import counted, printable
from t2i_audit.report.spreadsheet import Cell, csv_text
from t2i_audit.report.styles import print_legend, styled
from t2i_audit.report.tables import console, make_table
from t2i_audit.results.forecast import Forecast, PromptForecast
from t2i_audit.results.interval import Interval

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = (
    "prompt_id", "type", "risk", "risk_lower", "risk_upper", "slot", "value", "slot_risk",
    "slot_risk_lower", "slot_risk_upper", "slot_risks", "outside", "text",
)  # fmt: skip
LONGEST_TEXT = 60  # letters of a prompt on the screen


def print_forecast(forecast: Forecast, *, top: int, files: Sequence[Path] = ()) -> None:
    """Print how far to trust a forecast, and its `top` riskiest prompts.

    Args:
        forecast: of all prompts.
        top: how many prompts are shown.
        files: what was written.
    """
    screen = console()
    count = counted(len(forecast.prompts), "new prompt")
    screen.print(f"{forecast.model}: {count}, forecast from its run on {forecast.suite}")
    screen.print(
        f"Risk: the chance that {forecast.judge} calls an image wrong. Of the run's "
        f"{forecast.base_rate.n:,} images {forecast.base_rate} are."
    )
    if forecast.can_forecast:
        _print_trust(screen, forecast)
        _print_riskiest(screen, forecast, top)
    else:
        screen.print()
        screen.print(styled("Cannot forecast", "bold"))
        screen.print(
            f"{forecast.reason[:1].upper()}{forecast.reason[1:]}. So every prompt gets the run's "
            "overall rate."
        )
    outside = sum(bool(each.outside) for each in forecast.prompts)
    if outside:
        screen.print(
            f"Note: {outside} of {count} lie outside the run's range; how well forecasts hold for "
            "such prompts was not measured."
        )
    for note in forecast.notes:
        screen.print(f"Note: {note}")
    for file in files:
        screen.print(printable(f"Written: {file}"), soft_wrap=True)


def forecast_csv(forecast: Forecast) -> str:
    """All prompts as CSV, the riskiest first."""
    return csv_text(COLUMNS, map(_csv_row, forecast.riskiest()))


def _print_trust(screen: Console, forecast: Forecast) -> None:
    trust = forecast.trust
    screen.print()
    screen.print(styled("How far to trust it", "bold"))
    rows = [
        ("wrong images told from right ones, AUROC", str(trust.auroc)),
        *(
            [("  among prompts of one type", str(trust.auroc_within_types))]
            if trust.n_types > 1
            else []
        ),
        ("Brier score", _three(trust.brier)),
        ("  smaller than that of the overall rate by", _three(trust.gain)),
        ("calibration error", _three(trust.calibration_error)),
        ("  to be expected by chance alone", f"{trust.calibration_error_by_chance:.3f}"),
        *((f"AUROC, slots of kind {kind}", str(own)) for kind, own in forecast.slots.items()),
    ]
    screen.print(make_table(("compositions left out", ""), rows))
    images, seeds = counted(trust.auroc.n, "image"), counted(forecast.n_seeds, "seed")
    print_legend(
        screen,
        "left out: each prompt of the run is forecast from prompts that share none of its "
        f"compositions; {counted(trust.n_prompts, 'prompt')}, {images}, {seeds}, "
        f"{counted(trust.n_compositions, 'composition')}",
        "AUROC: chance that a wrong image has the higher forecast; Brier score: mean squared "
        "distance from the outcome",
    )


def _three(interval: Interval) -> str:
    """To three digits, as these figures are small."""
    return f"{interval.estimate:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


def _print_riskiest(screen: Console, forecast: Forecast, top: int) -> None:
    shown = forecast.riskiest()[:top]
    screen.print()
    title = f"The {len(shown)} riskiest prompts" if len(shown) > 1 else "The riskiest prompt"
    screen.print(styled(title, "bold"))
    rows = [
        (str(each.risk), *_weakest(each), "; ".join(each.outside), _short(each.text))
        for each in shown
    ]
    headings = ("risk", "most likely to fail", "its risk", "outside the run", "prompt")
    # A column without an entry only takes room from the prompts.
    kept = [index for index in range(len(headings)) if any(row[index] for row in rows)]
    screen.print(
        make_table([headings[index] for index in kept], [[row[i] for i in kept] for row in rows])
    )
    if 3 in kept:
        print_legend(
            screen, "outside the run: a value, slot, type or length that the run never showed"
        )


def _weakest(each: PromptForecast) -> tuple[str, str]:
    if not each.slots:
        return "", ""
    slot = each.slots[0]
    return f"{slot.slot} = {slot.value}", str(slot.risk)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _csv_row(each: PromptForecast) -> dict[str, Cell]:
    slot = each.slots[0] if each.slots else None
    return {
        "prompt_id": each.prompt_id,
        "type": each.type,
        "risk": each.risk.estimate,
        "risk_lower": each.risk.lower,
        "risk_upper": each.risk.upper,
        "slot": slot.slot if slot else None,
        "value": slot.value if slot else None,
        "slot_risk": slot.risk.estimate if slot else None,
        "slot_risk_lower": slot.risk.lower if slot else None,
        "slot_risk_upper": slot.risk.upper if slot else None,
        "slot_risks": json.dumps({own.slot: round(own.risk.estimate, 4) for own in each.slots}),
        "outside": "; ".join(each.outside),
        "text": each.text,
    }
