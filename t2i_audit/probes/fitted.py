"""A probe that is kept and applied: ridge regression on one-hot classes, fitted once to all rows.

The audit itself never keeps a probe, as it fits one per fold, and chooses its settings in folds
that hold out compositions. Here rows have no compositions: the regularisation is chosen by the
leave-one-out error, and so is the temperature that turns scores into probabilities.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from t2i_audit.errors import AuditError
from t2i_audit.io import atomic_file
from t2i_audit.probes.calibration import fit_inverse_temperatures
from t2i_audit.probes.ridge import RidgePath
from t2i_audit.results.place import Place

FloatArray = NDArray[np.float64]

FORMAT = "t2i-audit probe 1"
ARRAYS = ("coefficients", "intercept")


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """A linear probe for one slot; made by `fit_ridge` or `t2i_audit.fit_probe`.

    >>> import t2i_audit as t2i
    >>> run = t2i.load_run("runs/demo")
    >>> probe = t2i.fit_probe(run, "relation")
    >>> probe.save("relation.safetensors")
    >>> again = t2i.FittedProbe.load("relation.safetensors")
    >>> features = run.features(again.place).values
    >>> bool((again.predict(features) == probe.predict(features)).all())
    True
    """

    classes: tuple[str, ...]
    """The `k` values that can be predicted."""
    coefficients: FloatArray
    """``(d, k)``."""
    intercept: FloatArray
    """``(k,)``."""
    alpha: float
    """The regularisation, the `alpha` of scikit-learn's `Ridge`."""
    inverse_temperature: float
    """By which scores are multiplied before the softmax that makes probabilities of them."""
    slot: str = ""
    """The slot that is predicted, where that is known."""
    place: Place | None = None
    """The place whose features it takes, where that is known."""

    def scores(self, features: ArrayLike) -> FloatArray:
        """The regression's outputs, ``(n, k)``, for `features`, ``(n, d)``.

        Raises:
            AuditError: `features` has another width, or is no table.
        """
        values = np.asarray(features, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.coefficients):
            raise AuditError(
                f"`features` should have shape (n, {len(self.coefficients)}), as this probe was "
                f"fitted to; got {values.shape}"
            )
        return values @ self.coefficients + self.intercept

    def predict_proba(self, features: ArrayLike) -> FloatArray:
        """The probability of each class, ``(n, k)``; the columns are in the order of `classes`."""
        return np.asarray(softmax(self.inverse_temperature * self.scores(features), axis=1))

    def predict(self, features: ArrayLike) -> NDArray[np.str_]:
        """The most probable class of each row, ``(n,)``."""
        return np.array(self.classes)[self.scores(features).argmax(axis=1)]

    def save(self, path: str | Path) -> None:
        """Write the probe to `path` in safetensors format, atomically."""
        from safetensors.numpy import save_file

        known = None if self.place is None else self.place.to_row()
        metadata = {
            "format": FORMAT,
            "classes": json.dumps(self.classes),
            "alpha": repr(self.alpha),
            "inverse_temperature": repr(self.inverse_temperature),
            "slot": self.slot,
            "place": json.dumps(known),
        }
        arrays = {
            name: np.ascontiguousarray(getattr(self, name), dtype=np.float64) for name in ARRAYS
        }
        with atomic_file(Path(path)) as temporary:
            save_file(arrays, temporary, metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> FittedProbe:
        """Read what `save` wrote.

        Raises:
            AuditError: `path` cannot be read or holds no probe.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
                coefficients, intercept = (file.get_tensor(name) for name in ARRAYS)
            place = json.loads(metadata["place"])
            probe = cls(
                classes=tuple(map(str, json.loads(metadata["classes"]))),
                coefficients=coefficients,
                intercept=intercept,
                alpha=float(metadata["alpha"]),
                inverse_temperature=float(metadata["inverse_temperature"]),
                slot=metadata["slot"],
                place=None if place is None else Place.parse(**place),
            )
            k = len(probe.classes)
            if coefficients.ndim != 2 or coefficients.shape[1] != k or intercept.shape != (k,):
                raise ValueError("its arrays do not fit its classes")
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as err:
            raise AuditError(f"{path} is not a probe of t2i-audit: {err}; save it again") from err
        return probe


def fit_ridge(
    features: ArrayLike, labels: Sequence[str], *, alpha: float | None = None
) -> FittedProbe:
    """Fit a probe that predicts `labels` from `features`.

    >>> import numpy as np
    >>> import t2i_audit as t2i
    >>> features = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.2]])
    >>> probe = t2i.fit_ridge(features, ["red", "red", "blue", "blue"])
    >>> probe.predict([[0.0, 1.0]]).tolist()
    ['red']

    Args:
        features: ``(n, d)``, finite.
        labels: ``(n,)``, at least two different ones.
        alpha: the regularisation; None chooses it by the leave-one-out error.

    Raises:
        AuditError: the shapes do not agree, a feature is not finite, there are not two classes, or
            `alpha` is not positive.
    """
    values = np.asarray(features, dtype=np.float64)
    classes = tuple(sorted(set(map(str, labels))))
    if values.ndim != 2 or len(values) != len(labels):
        raise AuditError(
            "`features` should have shape (n, d) with one row per label; got "
            f"{values.shape} and {len(labels)} labels"
        )
    if not np.isfinite(values).all():
        raise AuditError("`features` should be finite; leave out the rows that hold NaN")
    if len(classes) < 2:
        raise AuditError(f"`labels` should hold at least two classes; got {len(classes)}")
    if alpha is not None and not 0 < alpha < float("inf"):
        raise AuditError(f"`alpha` should be a positive number, not {alpha}")
    index = np.array([classes.index(str(label)) for label in labels])
    targets = np.eye(len(classes))[index]
    path = RidgePath.of(values)
    if alpha is not None:
        path = replace(path, alphas=np.array([alpha]))
    # One regularisation for all classes, the best for their sum.
    chosen = np.full(len(classes), path.errors(targets).sum(axis=1).argmin())
    coefficients, intercept = path.coefficients(targets, path.alphas[chosen])
    left_out = path.leave_one_out(targets, chosen)
    return FittedProbe(
        classes=classes,
        coefficients=coefficients,
        intercept=intercept,
        alpha=float(path.alphas[chosen[0]]),
        inverse_temperature=float(fit_inverse_temperatures(left_out[None], index[None])[0]),
    )
