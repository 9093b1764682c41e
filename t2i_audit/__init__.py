"""Audits of text-to-image checkpoints for compositionality.

>>> import t2i_audit as t2i
>>> run = t2i.load_run("runs/demo")
>>> run.summary.success.overall.n
8

Nothing heavy is imported before it is used: ``import t2i_audit`` takes a few milliseconds.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from t2i_audit.api.auditing import audit, audit_many, merge, plan, probe
    from t2i_audit.api.finished import (
        associate,
        compare,
        export,
        forecast,
        leaderboard,
        plan_comparison,
        report,
    )
    from t2i_audit.api.interventions import plan_use, use
    from t2i_audit.api.judging import calibrate, compare_raters, judge, plan_labels
    from t2i_audit.api.loading import load_model, load_suite
    from t2i_audit.errors import AuditError
    from t2i_audit.exporting import Exported
    from t2i_audit.many.execute import Audits
    from t2i_audit.probes.fitted import FittedProbe, fit_ridge
    from t2i_audit.probes.of_run import fit_probe
    from t2i_audit.results.associations import Associations
    from t2i_audit.results.comparison import Comparison, ComparisonPlan
    from t2i_audit.results.features import PlaceFeatures
    from t2i_audit.results.forecast import Forecast
    from t2i_audit.results.interval import Interval
    from t2i_audit.results.judge_card import JudgeCard, Raters
    from t2i_audit.results.label_plan import LabelPlan
    from t2i_audit.results.leaderboard import Leaderboard
    from t2i_audit.results.place import Place
    from t2i_audit.results.plan import SuitePlan
    from t2i_audit.results.run import Run, load_run
    from t2i_audit.results.summary import RunSummary
    from t2i_audit.results.use import Use
    from t2i_audit.results.use_plan import UsePlan
    from t2i_audit.training import AuditDuringTraining

__version__ = "0.1.0"

__all__ = [
    "Associations",
    "AuditDuringTraining",
    "AuditError",
    "Audits",
    "Comparison",
    "ComparisonPlan",
    "Exported",
    "FittedProbe",
    "Forecast",
    "Interval",
    "JudgeCard",
    "LabelPlan",
    "Leaderboard",
    "Place",
    "PlaceFeatures",
    "Raters",
    "Run",
    "RunSummary",
    "SuitePlan",
    "Use",
    "UsePlan",
    "associate",
    "audit",
    "audit_many",
    "calibrate",
    "compare",
    "compare_raters",
    "export",
    "fit_probe",
    "fit_ridge",
    "forecast",
    "judge",
    "leaderboard",
    "load_model",
    "load_run",
    "load_suite",
    "merge",
    "plan",
    "plan_comparison",
    "plan_labels",
    "plan_use",
    "probe",
    "report",
    "use",
]

# Public name -> the module that holds it.
_HOMES = {
    "Associations": "t2i_audit.results.associations",
    "AuditDuringTraining": "t2i_audit.training",
    "AuditError": "t2i_audit.errors",
    "Audits": "t2i_audit.many",
    "Exported": "t2i_audit.exporting",
    "Comparison": "t2i_audit.results.comparison",
    "ComparisonPlan": "t2i_audit.results.comparison",
    "FittedProbe": "t2i_audit.probes.fitted",
    "Forecast": "t2i_audit.results.forecast",
    "Interval": "t2i_audit.results.interval",
    "JudgeCard": "t2i_audit.results.judge_card",
    "LabelPlan": "t2i_audit.results.label_plan",
    "Leaderboard": "t2i_audit.results.leaderboard",
    "Place": "t2i_audit.results.place",
    "PlaceFeatures": "t2i_audit.results.features",
    "Raters": "t2i_audit.results.judge_card",
    "Run": "t2i_audit.results.run",
    "RunSummary": "t2i_audit.results.summary",
    "SuitePlan": "t2i_audit.results.plan",
    "Use": "t2i_audit.results.use",
    "UsePlan": "t2i_audit.results.use_plan",
    "associate": "t2i_audit.api.finished",
    "audit": "t2i_audit.api.auditing",
    "audit_many": "t2i_audit.api.auditing",
    "calibrate": "t2i_audit.api.judging",
    "compare": "t2i_audit.api.finished",
    "compare_raters": "t2i_audit.api.judging",
    "export": "t2i_audit.api.finished",
    "fit_probe": "t2i_audit.probes.of_run",
    "fit_ridge": "t2i_audit.probes.fitted",
    "forecast": "t2i_audit.api.finished",
    "judge": "t2i_audit.api.judging",
    "leaderboard": "t2i_audit.api.finished",
    "load_model": "t2i_audit.api.loading",
    "load_run": "t2i_audit.results.run",
    "load_suite": "t2i_audit.api.loading",
    "merge": "t2i_audit.api.auditing",
    "plan": "t2i_audit.api.auditing",
    "plan_comparison": "t2i_audit.api.finished",
    "plan_labels": "t2i_audit.api.judging",
    "plan_use": "t2i_audit.api.interventions",
    "probe": "t2i_audit.api.auditing",
    "report": "t2i_audit.api.finished",
    "use": "t2i_audit.api.interventions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Package(ModuleType):
    """The package itself; functions keep their names although modules have the same ones.

    Importing ``t2i_audit.audit`` would set the package's attribute ``audit`` to that module, so
    that ``t2i_audit.audit(...)`` would work or not depending on what was imported before.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
