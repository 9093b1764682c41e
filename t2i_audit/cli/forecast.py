"""The command ``t2i-audit forecast``."""

from __future__ import annotations

import sys

from t2i_audit.cli import options
from t2i_audit.cli.parameters import with_settings
from t2i_audit.reporter import TerminalReporter
from t2i_audit.settings import ForecastSettings


@with_settings(ForecastSettings)
def forecast(settings: ForecastSettings, as_json: options.AsJson = False) -> None:
    """Forecast which new prompts fail on an audited model, and by which constituent.

    No image is made: the risk is read from each prompt's words and from what the checkpoint's
    text encoders hold of them. How far to trust it is measured on compositions left out.
    """
    from t2i_audit.forecasting import execute_forecast, plan_forecast, write_forecast
    from t2i_audit.io import dump_json
    from t2i_audit.report.forecast import print_forecast

    reporter = TerminalReporter()
    found = execute_forecast(plan_forecast(settings, reporter), reporter)
    files = () if settings.out is None else write_forecast(found, settings.out)
    if as_json:
        sys.stdout.write(dump_json(found))
    else:
        print_forecast(found, top=settings.top, files=files)
