"""Images made elsewhere, judged as a run of their own: planned, and then executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from t2i_audit.audit import TEXT_STAGES
from t2i_audit.errors import ModelError, RunDirectoryError
from t2i_audit.inputs import Inputs, earlier_run, load_inputs, require_resumable
from t2i_audit.io import read_json, to_json, write_json, write_text
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.run.command import SETTINGS
from t2i_audit.run.directory import MANIFEST, open_run
from t2i_audit.settings import DEFAULT_RANDOM_WEIGHTS, JudgeSettings, ProbeSettings

if TYPE_CHECKING:
    from t2i_audit.generation import Batch
    from t2i_audit.images.found import Found
    from t2i_audit.results.run import Run
    from t2i_audit.run.directory import RunDirectory
    from t2i_audit.stages.judging import Judging
    from t2i_audit.stages.text import TextSide

IMAGES = "images"  # the command in the manifest of such a run
SEED = 0  # of folds, random weights and resamples


@dataclass(frozen=True, eq=False)
class ImagesPlan:
    """Images made elsewhere, checked, with the judge and the prompts; nothing is left to refuse."""

    settings: JudgeSettings
    name: str
    """Of the model that made the images."""
    found: Found
    """The images and their prompts."""
    judging: Judging
    """The judges, the primary one first."""
    inputs: Inputs | None
    """The probed checkpoint, if there is one."""
    identity: Mapping[str, Any]
    """All that the results depend on, for the manifest."""
    judge_notes: tuple[str, ...] = ()
    """Which judge was chosen where the user named none."""

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        probing = () if self.inputs is None else TEXT_STAGES
        return ("images", *probing, "judge", "blind", "results")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found of the images, for the screen and the summary."""
        from t2i_audit.images.notes import notes_of

        probed = None if self.inputs is None else self.settings.images.probe
        found = notes_of(self.found.sources, len(self.found.prompts), probed=probed)
        return (*found, *self.judge_notes)


def plan_images(settings: JudgeSettings, reporter: Reporter = SILENT) -> ImagesPlan:
    """Read all images, match them with their prompts, and load the judge; nothing is written.

    Args:
        settings: the images, the judge, and the new run directory. The images may be a finished
            run of this kind, which is judged again with its own settings.
        reporter: receives what the user should know before the work begins.

    Raises:
        AuditError: not a single image can be judged, or something cannot be loaded.
    """
    from t2i_audit.images.found import find_images, name_of, require_all
    from t2i_audit.images.sources import sources_identity
    from t2i_audit.judges.default import choose_judges, load_chosen
    from t2i_audit.judges.panel import panel_identity
    from t2i_audit.models.devices import choose_device, free_memory
    from t2i_audit.stages.elsewhere import require_room
    from t2i_audit.stages.judging import Judging

    earlier = earlier_run(settings.out)
    _require_outside(settings)
    if settings.images.layout is None and (settings.run / MANIFEST).is_file():
        settings, found = _of_run(settings)
    else:
        found = find_images(settings.run, settings.images, reporter)
    options, name = settings.images, settings.images.name or name_of(settings.run)
    suite, sources = found.suite, found.sources
    if settings.strict:
        require_all(found)
    inputs = None
    if options.probe is not None:
        asked = _probe_settings(settings)
        inputs = load_inputs(asked, reporter, earlier=earlier, suite=suite)
        identity = {**inputs.identity(asked), "command": IMAGES, "model": name}
        device = inputs.loaded.device
    else:
        device = choose_device(options.device)
        identity = {
            "command": IMAGES,
            "model": name,
            "suite": suite.name,
            "suite_sha256": suite.sha256,
            "prompts": len(suite.prompts),
            "seed": SEED,
            "device": device.type,
        }
    chosen = choose_judges(
        settings.judge, model=options.probe or "", device=device.type, free=free_memory(device)
    )
    panel = load_chosen(chosen, suite.prompts, device=device.type, strict=settings.strict)
    settings = replace(settings, judge=chosen.text)
    identity |= {
        "seeds": sources.n_seeds,
        "batch_size": options.batch_size,
        **sources_identity(sources),
        **panel_identity(panel),
    }
    require_resumable(settings.out, identity)
    if earlier is None:
        require_room(settings.out, sources.images)
    judging = Judging(panel, device.type, settings.judge_batch_size)
    return ImagesPlan(settings, name, found, judging, inputs, identity, chosen.notes)


def execute_images(plan: ImagesPlan, reporter: Reporter = SILENT) -> Run:
    """Judge the images of `plan`; returns the finished run.

    The same plan in the same directory resumes where an interrupted run stopped, and ends with the
    same tables.

    Args:
        plan: from `plan_images`.
        reporter: receives notes and progress.

    Raises:
        AuditError: something failed that could not be known beforehand, such as a full memory.
    """
    from t2i_audit.judges.panel import panel_lines
    from t2i_audit.results.run import load_run
    from t2i_audit.stages.finished import is_finished
    from t2i_audit.stages.page import leave_page

    if plan.inputs is not None:
        plan = replace(plan, inputs=plan.inputs.reporting_to(reporter))
    out = plan.settings.out
    with open_run(out, plan.identity, stages=plan.stages, reporter=reporter) as run:
        there = is_finished(run)
        if not there:
            loaded = () if plan.inputs is None else plan.inputs.notes
            scoped = panel_lines(plan.judging.panel, len(plan.found.prompts))
            for line in (*plan.notes, *loaded, *scoped):
                reporter.note(line)
            _make(run, plan)
    finished = load_run(out)
    if plan.settings.report:
        leave_page(finished, reporter, anew=not there)
    return finished


def _make(run: RunDirectory, plan: ImagesPlan) -> None:
    from prompts.suite import dump_prompts
    from t2i_audit.images.sources import SUITE, write_sources
    from t2i_audit.stages.elsewhere import batches_of, copy_images
    from t2i_audit.stages.judging import judge_images

    prompts, images = plan.found.prompts, plan.found.sources.images
    batches: tuple[Batch, ...] = batches_of(prompts, images, plan.settings.images.batch_size)
    write_json(run.path / SETTINGS, _kept(plan))
    write_text(run.path / SUITE, dump_prompts(prompts))
    write_sources(run.path, plan.found.sources)
    copy_images(run, plan.found.listing, images, prompts, batches)
    text = _text(run, plan)
    judged = judge_images(run, plan.judging, prompts, batches)
    _write_results(run, plan, text, judged)


def _text(run: RunDirectory, plan: ImagesPlan) -> TextSide:
    """The suite as the probed checkpoint reads it; without one, as nobody reads it."""
    from t2i_audit.stages.text import read_text, unread

    prompts = plan.found.prompts
    if plan.inputs is None:
        return unread(prompts)
    size = plan.settings.images.batch_size
    return read_text(
        run,
        plan.inputs.loaded,
        prompts,
        batch_size=size,
        seed=SEED,
        draws=DEFAULT_RANDOM_WEIGHTS,
        drawn=True,
    )


def _write_results(
    run: RunDirectory, plan: ImagesPlan, text: TextSide, judged: list[dict[str, Any]]
) -> None:
    import numpy as np

    from t2i_audit.stages.written import write_results

    prompts, inputs = plan.found.prompts, plan.inputs
    nobody = inputs is None
    write_results(
        run,
        plan.judging,
        prompts,
        judged,
        text,
        {} if nobody else {"text_encoder": text.probes},
        model=plan.name,
        suite=plan.found.suite.name,
        n_seeds=plan.found.sources.n_seeds,
        located=np.zeros(len(prompts), dtype=bool) if nobody else text.readings.located,
        read_whole=np.ones(len(prompts), dtype=bool) if nobody else text.readings.read_whole,
        encoders=() if inputs is None else inputs.loaded.adapter.text_encoders,
        notes=[*plan.notes, *(() if inputs is None else inputs.notes), *text.notes],
        seed=SEED,
    )


def _of_run(settings: JudgeSettings) -> tuple[JudgeSettings, Found]:
    """The settings and the images of a finished run of images made elsewhere."""
    from pydantic import TypeAdapter, ValidationError

    from t2i_audit.run.manifest import first_fault
    from t2i_audit.stages.elsewhere import images_of_run

    found = images_of_run(settings.run)
    path = settings.run / SETTINGS
    try:
        value = {**read_json(path), "run": settings.run, "out": settings.out}
        earlier = TypeAdapter(JudgeSettings).validate_python(value)
    except (OSError, ValueError, TypeError) as err:
        fault = first_fault(err) if isinstance(err, ValidationError) else err
        raise RunDirectoryError(f"{path} cannot be used: {fault}") from err
    if earlier.trust_remote_code not in (None, settings.trust_remote_code):
        raise ModelError(
            f"the run in {settings.run} ran code that {earlier.trust_remote_code} brings; if it "
            f"may run here too, give --trust-remote-code {earlier.trust_remote_code}"
        )
    trusted = replace(earlier.model_options, trust_remote_code=settings.trust_remote_code)
    return replace(settings, images=earlier.images, model_options=trusted), found


def _kept(plan: ImagesPlan) -> dict[str, Any]:
    """The settings with which the run can be judged again."""
    named = replace(plan.settings.images, name=plan.name)
    kept: dict[str, Any] = to_json(replace(plan.settings, images=named))
    kept["run"] = str(plan.settings.run.resolve())
    del kept["out"], kept["report"]
    return kept


def _probe_settings(settings: JudgeSettings) -> ProbeSettings:
    options = settings.images
    return ProbeSettings(
        model=options.probe or "",
        suite=options.suite or "",
        out=settings.out,
        seed=SEED,
        dtype=options.dtype,
        device=options.device,
        batch_size=options.batch_size,
        model_options=settings.model_options,
    )


def _require_outside(settings: JudgeSettings) -> None:
    out, root = settings.out.resolve(), settings.run.resolve()
    if out == root or root in out.parents:
        raise RunDirectoryError(
            f"{settings.out} lies in the folder of the images, which stays as it is; give another "
            "--out"
        )
