"""One factorisation for all targets and regularisation values, against scikit-learn per target."""

from __future__ import annotations

from scripts.benchmarks.line import Line, timed

WIDTH = 768
TARGETS = 24


def probes(rounds: int, limit: int) -> list[Line]:
    """Fit, choose the regularisation by leave-one-out, and predict held-out rows."""
    import numpy as np
    from sklearn.linear_model import RidgeCV

    from t2i_audit.probes.ridge import RidgePath
    from t2i_audit.probes.rows import Rows
    from t2i_audit.probes.system import RELATIVE_ALPHAS

    rng = np.random.default_rng(0)
    rows = np.arange(limit)
    features = rng.normal(size=(limit, WIDTH))
    signal = features[:, :TARGETS] + 0.5 * rng.normal(size=(limit, TARGETS))
    targets = (signal > 0).astype(np.float64)
    train, test = rows % 5 > 0, rows % 5 == 0
    alphas = RidgePath.of(features[train]).alphas

    def ours() -> np.ndarray:
        path = RidgePath.of(features[train])
        chosen = path.errors(targets[train]).argmin(axis=0)
        return path.predict(targets[train], path.alphas[chosen], Rows.all(features[test]))

    def rival() -> np.ndarray:
        columns = [
            RidgeCV(alphas=alphas).fit(features[train], target).predict(features[test])
            for target in targets[train].T
        ]
        return np.stack(columns, axis=1)

    def r2(predicted: np.ndarray) -> np.ndarray:
        truth = targets[test]
        residual = ((truth - predicted) ** 2).sum(axis=0)
        return 1 - residual / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)

    difference = np.abs(r2(ours()) - r2(rival())).max()
    seconds, ratios = [], []
    for _ in range(rounds):
        seconds.append(timed(ours))
        ratios.append(timed(rival) / seconds[-1])
    what = (
        f"{TARGETS} targets, {int(train.sum())} x {WIDTH} features, {len(RELATIVE_ALPHAS)} "
        "regularisation values: RidgeCV per target over ours"
    )
    remark = f"R2, ours less RidgeCV's: at most {difference:.1e} over {TARGETS} targets"
    return [Line(what, tuple(seconds), tuple(ratios), ">= 10", remark)]
