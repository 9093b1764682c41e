"""Audits of a pipeline in memory in the middle of a training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from t2i_audit import storage
from t2i_audit.audit import audit_in_memory
from t2i_audit.errors import AuditError
from t2i_audit.inputs import suite_of
from t2i_audit.models.in_memory_checks import check_name
from t2i_audit.reporter import SILENT, TerminalReporter
from t2i_audit.results.run import Run
from t2i_audit.settings import DEFAULT_SUITE, AuditSettings, checked_settings
from t2i_audit.settings.suite_file import suite_file

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.tracking import GeneralTracker
    from diffusers import DiffusionPipeline

    from prompts.suite import Suite

Failing = Literal["warn", "raise"]
FAILING: tuple[Failing, ...] = ("warn", "raise")


class AuditDuringTraining:
    """Audits a pipeline in memory every so many steps of a training.

    Each audit lies in a folder of its own, ``OUT/step-000500``, and is a run like any other. The
    pipeline and the training are left as they were: weights, gradients, modes, hooks, random states
    and the scheduler. Where a training is resumed, a step that was audited already is not audited
    again, and an audit that was broken off goes on, if the weights are still the same.

    Call `step` in all processes of a training, which then divide the images among them, or in the
    main process alone.

    >>> import t2i_audit as t2i
    >>> pipeline = t2i.load_model("builtin:sound", device="cpu").pipeline
    >>> few = {"limit": 4, "steps": 4, "guidance_scale": 1.5}
    >>> audits = t2i.AuditDuringTraining("runs/train", every=500, judge="oracle", **few)
    >>> audits.step(pipeline, 499) is None
    True
    >>> audits.step(pipeline, 500).summary.model
    'train-step-000500'
    """

    def __init__(
        self,
        out: str | Path,
        *,
        every: int,
        name: str | None = None,
        suite: str | Path | Suite = DEFAULT_SUITE,
        judge: str | Sequence[str] | None = None,
        seeds: int = 1,
        denoiser_station: bool = False,
        trackers: Accelerator | GeneralTracker | Sequence[GeneralTracker] | None = None,
        images: int = 8,
        failing: Failing = "warn",
        progress: bool = False,
        **settings: Any,
    ) -> None:
        """Check the settings, so that a mistake in them is known before the training begins.

        Args:
            out: the folder of all audits of this training.
            every: how many steps lie between two audits.
            name: of the model, to which each audit adds its step; that of the folder `out` if None.
            suite: as in `audit`.
            judge: as in `audit`. A pipeline in memory is never taken for a built-in checkpoint, so
                None is a judge of real images.
            seeds: images per prompt.
            denoiser_station: whether the denoiser is probed as well, which takes longer.
            trackers: an `accelerate.Accelerator` with its trackers, or trackers of accelerate:
                they get the figures of each audit, and pictures of its images.
            images: the most failing, and the most right, images that trackers get; 0 for none.
            failing: whether an audit that fails is a warning, or is raised and ends the training.
            progress: whether to show progress and messages on stderr.
            settings: any other setting of `audit`: ``limit=32``, ``steps=20``, ``dtype="float16"``.

        Raises:
            TypeError: there is no setting of that name.
            AuditError: a value or the name cannot be used, or there is no such suite.
        """
        for what, value, least in (("every", every, 1), ("images", images, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise AuditError(f"`{what}` should be a whole number from {least}, not {value!r}")
        if failing not in FAILING:
            raise AuditError(f"`failing` should be 'warn' or 'raise', not {failing!r}")
        if settings.get("shard") is not None:
            raise AuditError("`shard` divides an audit among machines; leave it out in a training")
        storage.refuse_url(out, "`out` of a training")
        self.out = Path(out)
        self.every = every
        self._name = self.out.resolve().name if name is None else name
        self._suite = suite
        self._trackers = trackers
        self._images = images
        self._failing = failing
        self._reporter = TerminalReporter() if progress else SILENT
        given = {
            **settings,
            "model": self._name,
            "out": self.out,
            "judge": judge if judge is None or isinstance(judge, str) else ",".join(judge),
            "seeds": seeds,
            "denoiser_station": denoiser_station,
        }
        check_name(self._name)
        with suite_file(suite) as source:
            self._settings = checked_settings(
                AuditSettings, {**given, "suite": source}, function="AuditDuringTraining"
            )
            suite_of(self._settings)

    def is_due(self, step: int) -> bool:
        """Whether `step` is one after which to audit: 0, `every`, twice `every` and so on."""
        return step % self.every == 0

    def step(self, pipeline: DiffusionPipeline, step: int) -> Run | None:
        """Audit `pipeline` if that is due after `step`; see `audit`."""
        return self.audit(pipeline, step) if self.is_due(step) else None

    def audit(self, pipeline: DiffusionPipeline, step: int) -> Run | None:
        """Audit `pipeline` now, for example at the end of the training.

        Args:
            pipeline: with the networks that are trained in it.
            step: of the training, for the folder and the trackers.

        Returns:
            The finished run; None if it failed, and in processes that left the end to the first.

        Raises:
            Exception: whatever made the audit fail, if failing audits are raised.
        """
        from accelerate.utils.memory import clear_device_cache

        run = None
        with self._surviving(f"the audit at step {step}"):
            run = self._audited(pipeline, step)
        if run is None:
            # Only here, with an exception gone, does nothing hold on to a failed audit's tensors.
            clear_device_cache(garbage_collection=True)
        else:
            with self._surviving(f"sending the audit at step {step} to trackers"):
                self._track(run, step)
        return run

    @contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """Turn what fails in the block into a warning, if that is asked for.

        A training of days should not end because of what stands beside it.
        """
        try:
            yield
        except Exception as error:
            if self._failing == "raise":
                raise
            said = str(error) if isinstance(error, AuditError) else repr(error)
            warnings.warn(
                f"{what} failed, and the training goes on: {said}", RuntimeWarning, stacklevel=4
            )

    def _audited(self, pipeline: DiffusionPipeline, step: int) -> Run | None:
        label = f"step-{step:06d}"
        with suite_file(self._suite) as source:
            settings = replace(
                self._settings,
                model=f"{self._name}-{label}",
                out=self.out / label,
                suite=source,
            )
            return audit_in_memory(pipeline, settings, self._reporter)

    def _track(self, run: Run, step: int) -> None:
        """Send the figures of `run`, and pictures of its images, to the trackers."""
        from t2i_audit.report.image_grid import image_grids
        from t2i_audit.report.scalars import PREFIX, scalars_of

        given: Any = getattr(self._trackers, "trackers", self._trackers)
        trackers = given if isinstance(given, Sequence) else [given] if given else []
        if not trackers:
            return
        scalars = scalars_of(run.summary)
        grids = image_grids(run, self._images) if self._images else {}
        pictures = {f"{PREFIX}/{name}": each[None] for name, each in grids.items()}
        for tracker in trackers:
            tracker.log(scalars, step=step)
            if pictures and hasattr(tracker, "log_images"):
                # Of all of them, only TensorBoard expects colours before height and width.
                layout = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                tracker.log_images(pictures, step=step, **layout)
