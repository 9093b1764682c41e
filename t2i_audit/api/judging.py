"""Images judged, and judges checked against labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.api.given import judges_text, path_of, reporter_for
from t2i_audit.results.run import Run
from t2i_audit.settings import (
    CalibrateSettings,
    JudgeSettings,
    checked_settings,
)
from t2i_audit.settings.suite_file import suite_file

if TYPE_CHECKING:
    from prompts.suite import Suite
    from t2i_audit.models.devices import DeviceName
    from t2i_audit.results.judge_card import JudgeCard, Raters
    from t2i_audit.results.label_plan import LabelPlan


def judge(
    run: str | Path | Run,
    judge: str | Sequence[str],
    *,
    out: str | Path,
    suite: str | Path | Suite | None = None,
    judge_batch_size: int | None = None,
    strict: bool = False,
    trust_remote_code: str | None = None,
    progress: bool = False,
    **settings: Any,
) -> Run:
    """Judge the images of a finished run with another judge, or images made elsewhere.

    No images are made.

    >>> import t2i_audit as t2i
    >>> again = t2i.judge("runs/demo", "clip", out="runs/demo-clip")
    >>> again.summary.judge, again.summary.n_images
    ('clip', 8)

    Args:
        run: the run, its directory, or a folder or file of images made elsewhere.
        judge: as in `audit`.
        out: the run directory of the new results.
        suite: of images made elsewhere, as in `audit`; None takes the prompts of their metadata.
        judge_batch_size: most images that a judge is shown at once; None for a whole batch.
        strict: whether a suite that the judge cannot judge completely is refused, and images made
            elsewhere that cannot be used.
        trust_remote_code: the model whose own code may run.
        progress: whether to show progress and messages on stderr.
        settings: any other field of `t2i_audit.settings.ImagesOptions` by its name, for images made
            elsewhere (``name="their model"``, ``probe="builtin:sound"``), and of `ModelOptions` for
            the checkpoint that is probed.

    Raises:
        TypeError: there is no setting of that name.
        AuditError: there is no finished run and no image, or the judge cannot be loaded.
    """
    with suite_file(suite or "") as source:
        given = {
            **settings,
            "run": run.path if isinstance(run, Run) else run,
            "judge": judges_text(judge),
            "out": out,
            "suite": source or None,
            "judge_batch_size": judge_batch_size,
            "strict": strict,
            "trust_remote_code": trust_remote_code,
        }
        from t2i_audit.judging import judge as judge_images

        asked = checked_settings(JudgeSettings, given, function="judge")
        return judge_images(asked, reporter_for(progress))


def calibrate(
    run: str | Path | Run,
    *,
    labels: str,
    judge: str | None = None,
    n_labels: int | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    progress: bool = False,
) -> JudgeCard:
    """Measure how wrong a judge is on a run, and correct the run's success for it.

    The card is written into the run's directory, and the corrected rates into its summary, if the
    judge is the one that the summary is about.

    >>> import t2i_audit as t2i
    >>> again = t2i.judge("runs/demo", "clip", out="runs/demo-clip")
    >>> card = t2i.calibrate("runs/demo-clip", labels="oracle")
    >>> card.overall.accuracy.n, card.corrected.overall.rate.n
    (8, 8)

    Args:
        run: the run, or its directory.
        labels: a file of labels, with ``FORMAT:`` before it for that of a public set; a judge that
            is taken for the truth; or another run that has the judge's card.
        judge: the name of the judge; the run's own if None.
        n_labels: how many images to draw where a judge labels them; all if None.
        seed: of the draw of `n_labels`.
        device: on which a judge that labels runs.
        progress: whether to show progress and messages on stderr.

    Raises:
        AuditError: there is no such run or judge, or the labels cannot be used.
    """
    from t2i_audit.calibrating import execute_calibration, plan_calibration

    asked = CalibrateSettings(
        run=path_of(run),
        labels=labels,
        judge=judge,
        n_labels=n_labels,
        seed=seed,
        device=device,
    )
    return execute_calibration(plan_calibration(asked), reporter_for(progress))


def plan_labels(
    run: str | Path | Run,
    *,
    labels: str | None = None,
    judge: str | None = None,
    points: float = 3.0,
    progress: bool = False,
) -> LabelPlan:
    """How many labels the corrected success of a run needs, and of which images.

    >>> import t2i_audit as t2i
    >>> plan = t2i.plan_labels("runs/demo", points=3)
    >>> worst = plan.needed[0]
    >>> worst.sensitivity, worst.specificity, worst.labels, worst.without_judge
    (0.84, 0.8, 629, 1067)

    Args:
        run: the run, or its directory.
        labels: as in `calibrate`; without them, the judge's errors are assumed.
        judge: the name of the judge; the run's own if None.
        points: half-width of the 95% interval that is wanted, in percentage points.
        progress: whether to show progress and messages on stderr.

    Raises:
        AuditError: as `calibrate`.
    """
    from t2i_audit.calibrating import labels_to_make, plan_calibration

    asked = CalibrateSettings(
        run=path_of(run),
        labels=labels,
        judge=judge,
        plan=True,
        points=points,
    )
    return labels_to_make(plan_calibration(asked), reporter_for(progress))


def compare_raters(labels: str, *, suite: str | Path | Suite) -> Raters:
    r"""How the raters of a file of labels agree with each other; there need be no run.

    >>> from pathlib import Path
    >>> import t2i_audit as t2i
    >>> suite = t2i.load_suite("world-smoke").limited(3)
    >>> lines = [f"{prompt.id},0,{who},yes" for prompt in suite.prompts for who in ("me", "you")]
    >>> _ = Path("labels.csv").write_text("\n".join(["prompt_id,seed,rater,correct", *lines]))
    >>> t2i.compare_raters("labels.csv", suite=suite).agreement["overall"].reason
    'all ratings are the same'

    Args:
        labels: a file of labels, with ``FORMAT:`` before it for that of a public set.
        suite: the prompts that it is about, as in `audit`.

    Raises:
        AuditError: the labels or the prompts cannot be used.
    """
    from t2i_audit.calibrating import compare_raters as compare

    with suite_file(suite) as source:
        return compare(CalibrateSettings(labels=labels, suite=source))
