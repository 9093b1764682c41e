"""A probe fitted to the states that a run recorded, to be kept and applied elsewhere."""

from __future__ import annotations

from dataclasses import replace

from t2i_audit.errors import AuditError
from t2i_audit.probes.fitted import FittedProbe, fit_ridge
from t2i_audit.results.place import Place
from t2i_audit.results.run import Run


def fit_probe(
    run: Run,
    slot: str,
    place: Place | None = None,
    *,
    station: str = "text_encoder",
    alpha: float | None = None,
) -> FittedProbe:
    """Fit a probe for `slot` to all prompts of a run, to be kept and applied elsewhere.

    Its accuracy on the same prompts says nothing; the run's own figures are out of fold.

    >>> import t2i_audit as t2i
    >>> run = t2i.load_run("runs/demo")
    >>> probe = t2i.fit_probe(run, "relation")
    >>> features = run.features(probe.place)
    >>> probe.predict_proba(features.values).shape == (8, len(probe.classes))
    True

    Args:
        run: a finished run.
        slot: the slot to predict.
        place: where to read; None takes `Run.best_place`.
        station: where the best place is looked for.
        alpha: the regularisation; None chooses it by the leave-one-out error.

    Raises:
        AuditError: `slot` is not decoded at `place`, or too few of the prompts have it.
    """
    if place is None:
        place = run.best_place(slot, station=station)
    elif (place, slot) not in {(each.place, each.slot) for each in run.probe_readings()}:
        raise AuditError(
            f"slot {slot!r} is not decoded at {place} in {run.path}; its table 'probes' lists the "
            "slots that may be read at each place"
        )
    features = run.features(place)
    value_of = {
        row.prompt_id: part["value"]
        for row in run.table("prompts").itertuples()
        for part in row.constituents
        if part["slot"] == slot
    }
    rows = [row for row, each in enumerate(features.prompt_ids) if each in value_of]
    labels = [value_of[features.prompt_ids[row]] for row in rows]
    return replace(fit_ridge(features.values[rows], labels, alpha=alpha), slot=slot, place=place)
