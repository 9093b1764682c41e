"""An audit from end to end: planned, with all that can be refused, and then executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import AuditError
from t2i_audit.inputs import EarlierRun, Inputs, earlier_run, load_inputs, require_resumable
from t2i_audit.printable import counted
from t2i_audit.reporter import SILENT, NotesReporter, Reporter
from t2i_audit.run.command import judges_of
from t2i_audit.run.directory import open_run
from t2i_audit.run.images import LAYOUT, SHARDS, packs
from t2i_audit.run.manifest import JUDGE_DEVICE
from t2i_audit.run.space import disk_sentence, require_space
from t2i_audit.settings import AuditSettings
from t2i_audit.workers import Worker, this_worker

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.generation import Batch
    from t2i_audit.generation.sampling import Sampling
    from t2i_audit.probes.decoded import StationProbes
    from t2i_audit.results.run import Run
    from t2i_audit.run.directory import RunDirectory
    from t2i_audit.stages.engine import Engine
    from t2i_audit.stages.judging import Judging
    from t2i_audit.stages.readings import Readings
    from t2i_audit.stages.sampling import SamplingPlan
    from t2i_audit.stages.text import TextSide

TEXT_STAGES = ("encode", "probe text_encoder")
IMAGE_STAGES = ("images", "judge", "blind")
DENOISER_STAGES = ("random denoiser", "probe denoiser", "probe vae")


@dataclass(frozen=True, eq=False)
class AuditPlan:
    """An audit in which nothing is left to refuse: all that its stages need."""

    settings: AuditSettings
    inputs: Inputs
    judging: Judging
    """The judges, and how they judge."""
    sampling: SamplingPlan
    identity: Mapping[str, Any]
    """All that the results depend on, for the manifest."""
    worker: Worker
    """This process's part of the images."""
    sources: tuple[Path, ...] = ()
    """Other runs whose images and verdicts are copied before any are made."""
    notes: tuple[str, ...] = ()
    """What a reader of the results must know of the choice of the judge."""
    disk: str = ""
    """What the images and states take that are still to be made; empty where none are."""
    drawn_anew: int = 0
    """Images that are drawn anew at the end to measure use."""

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts of the suite."""
        return self.inputs.prompts

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        probing = DENOISER_STAGES if self.settings.denoiser_station else ()
        return (*TEXT_STAGES, *IMAGE_STAGES, *probing, "results")

    @property
    def lines(self) -> tuple[str, ...]:
        """What is reported when the run begins."""
        from t2i_audit.judges.panel import panel_lines

        scoped = panel_lines(self.judging.panel, len(self.prompts))
        use = f"{counted(self.drawn_anew, 'image')} drawn anew at the end to measure use"
        anew = (use,) if self.drawn_anew else ()
        disk = (self.disk,) if self.disk else ()
        return (*self.inputs.notes, *self.notes, *scoped, *self.sampling.lines, *disk, *anew)


def plan_audit(
    settings: AuditSettings, reporter: Reporter = SILENT, *, pipeline: Any = None
) -> AuditPlan:
    """Load and try all that an audit needs; nothing is written.

    Args:
        settings: the user's.
        reporter: receives what the user should know before the audit begins.
        pipeline: the model, where it is in memory; see `audit_in_memory`.

    Raises:
        AuditError: the audit cannot be made, in one sentence with the reason and the remedy.
    """
    return plan_from(settings, reporter, earlier=earlier_run(settings.out), pipeline=pipeline)


def plan_from(
    settings: AuditSettings,
    reporter: Reporter,
    *,
    earlier: EarlierRun | None,
    sources: Sequence[Path] = (),
    pipeline: Any = None,
) -> AuditPlan:
    """As `plan_audit`, for a run that continues from `earlier` and takes images of `sources`."""
    from t2i_audit.judges.default import choose_judges, load_chosen
    from t2i_audit.judges.panel import panel_identity
    from t2i_audit.models.devices import choose_judge_device, free_memory
    from t2i_audit.stages.judging import Judging
    from t2i_audit.stages.sampling import plan_sampling

    worker = this_worker(settings.shard)
    _check_engine(settings, worker, in_memory=pipeline is not None)
    named = settings.judge_device
    apart = None if named is None else choose_judge_device(named)
    inputs = load_inputs(settings, reporter, earlier=earlier, pipeline=pipeline)
    device = apart or inputs.loaded.device
    chosen = choose_judges(
        settings.judge,
        model=settings.model,
        device=device.type,
        free=free_memory(device),
        before="" if earlier is None else judges_of(earlier.path),
    )
    panel = load_chosen(chosen, inputs.prompts, device=str(device), strict=settings.strict)
    settings = replace(settings, judge=chosen.text)
    before = None if earlier is None else earlier.manifest
    sampling = plan_sampling(inputs.loaded, inputs.prompts_to_try, settings, before)
    count = len(inputs.prompts) * settings.seeds
    packed = packs(settings.image_files, count, None if before is None else before.settings)
    identity = {
        "command": "audit",
        **inputs.identity(settings),
        "seeds": settings.seeds,
        **sampling.identity,
        **panel_identity(panel),
        # Rounding depends on the kind of a device, and with it a judge's number format.
        **({} if device.type == inputs.loaded.device.type else {JUDGE_DEVICE: device.type}),
        "denoiser_station": settings.denoiser_station,
        **({LAYOUT: SHARDS} if packed else {}),
    }
    require_resumable(settings.out, identity)
    seeds_there = 0 if before is None else int(before.settings.get("seeds", 0))
    disk = ""
    if seeds_there < settings.seeds:
        size = sampling.sampler["height"], sampling.sampler["width"]
        missing = len(inputs.prompts) * (settings.seeds - seeds_there)
        states = 0 if seeds_there else _state_bytes(inputs, settings, sampling)
        warning = require_space(settings.out, missing, *size, states=states)
        if warning and worker.speaks:
            reporter.note(warning)
        disk = disk_sentence(missing, *size, states)
    judging = Judging(panel, str(device), settings.judge_batch_size)
    plan = AuditPlan(
        settings, inputs, judging, sampling, identity, worker, tuple(sources), chosen.notes, disk
    )
    if not settings.use:
        return plan
    from t2i_audit.stages.use.at_the_end import images_at_the_end

    blocks = (sampling.layout or {}).get("blocks", ())
    count = images_at_the_end(
        inputs.loaded, inputs.prompts_to_try, settings, judging, sampling.sampling, blocks
    )
    return replace(plan, drawn_anew=count)


def _state_bytes(inputs: Inputs, settings: AuditSettings, sampling: SamplingPlan) -> int:
    """The bytes that the states take which are probed of all prompts."""
    from t2i_audit.stages.text import state_bytes

    each = state_bytes(
        inputs.loaded,
        inputs.prompts_to_try[:1],
        draws=settings.random_weights,
        recorded=sampling.recorded,
    )
    return each * len(inputs.prompts)


def audit_in_memory(
    pipeline: Any, settings: AuditSettings, reporter: Reporter = SILENT
) -> Run | None:
    """Plan and execute an audit of a pipeline in memory, which is left as it was in all respects.

    Args:
        pipeline: a `diffusers.DiffusionPipeline`.
        settings: the user's; `settings.model` is only its name.
        reporter: receives notes and progress.

    Returns and raises what `plan_audit` and `execute` do.
    """
    from t2i_audit.models.undisturbed import undisturbed

    with undisturbed():
        return execute(plan_audit(settings, reporter, pipeline=pipeline), reporter)


def execute(plan: AuditPlan, reporter: Reporter = SILENT) -> Run | None:
    """Make the audit of `plan`; returns the finished run.

    A worker that leaves the end to others, as that of a shard, returns None.

    The same plan in the same directory resumes where an interrupted audit stopped, and ends with
    the same tables.

    Args:
        plan: from `plan_audit`.
        reporter: receives notes and progress.

    Raises:
        AuditError: something failed that could not be known beforehand, such as a full memory.
    """
    from t2i_audit.results.run import load_run
    from t2i_audit.stages.copying import copy_batches
    from t2i_audit.stages.finished import is_finished, keep_settings
    from t2i_audit.stages.page import leave_page

    if not plan.worker.speaks:
        reporter = NotesReporter(reporter)
    plan = replace(plan, inputs=plan.inputs.reporting_to(reporter))
    # The engine first: where it cannot be used, nothing is written.
    with (
        _engine_of(plan, reporter) as engine,
        open_run(
            plan.settings.out,
            plan.identity,
            stages=plan.stages,
            worker=plan.worker,
            reporter=reporter,
        ) as run,
    ):
        for source in plan.sources:
            copy_batches(source, run, judges=[each.key for each in plan.judging.panel])
        keep_settings(run, plan.settings)
        there = is_finished(run)
        if not there:
            for line in plan.lines if plan.worker.speaks else ():
                reporter.note(line)
            _make(run, _with_layout(plan), engine)
    if not plan.worker.finishes:
        return None
    if plan.settings.use:
        from t2i_audit.stages.use.at_the_end import use_at_the_end

        settings, inputs = plan.settings, plan.inputs
        there &= not use_at_the_end(
            settings.out, inputs.loaded, plan.prompts, settings, plan.judging, reporter
        )
    finished = load_run(plan.settings.out)
    if plan.settings.report:
        leave_page(finished, reporter, anew=not there)
    return finished


def _check_engine(settings: AuditSettings, worker: Worker, *, in_memory: bool) -> None:
    """Refuse an engine that is not there, or that cannot make this audit."""
    if settings.engine is None:
        return
    from t2i_audit.engine import check_engine

    if not worker.is_whole:
        raise AuditError(
            "--engine divides the images among its actors, and the launcher among its processes; "
            "start the command without the launcher, or leave --engine out"
        )
    if in_memory:
        raise AuditError(
            f"{settings.model!r} is a pipeline in this process's memory, which no actor can load; "
            "save it with save_pretrained and audit the folder, or leave the engine out"
        )
    check_engine(settings.engine)


def _engine_of(plan: AuditPlan, reporter: Reporter) -> AbstractContextManager[Engine | None]:
    """The engine that samples and judges in the place of this process, if one is asked for."""
    if plan.settings.engine is None:
        return nullcontext()
    from t2i_audit.engine import ray_engine

    return ray_engine(plan.settings, plan.inputs.loaded, plan.judging, plan.prompts, reporter)


def _with_layout(plan: AuditPlan) -> AuditPlan:
    """The plan with the denoiser's layout, which is not looked for where a run seems complete."""
    from t2i_audit.stages.sampling import with_layout

    own = with_layout(plan.inputs.loaded, plan.inputs.prompts_to_try, plan.sampling.sampling)
    return replace(plan, sampling=replace(plan.sampling, sampling=own))


def _make(run: RunDirectory, plan: AuditPlan, engine: Engine | None) -> None:
    """Make what is missing of the run; a worker that does not finish it makes images alone."""
    from t2i_audit.stages.judging import judge_images, judge_own_images
    from t2i_audit.stages.text import encode_text, probe_text, read_prompts

    loaded, batch_size = plan.inputs.loaded, plan.sampling.sampling.batch_size
    if not plan.worker.finishes:
        own = _make_images(run, plan, read_prompts(loaded, plan.prompts, batch_size))
        judge_own_images(run, plan.judging, plan.prompts, own)
        return
    encoded = encode_text(
        run,
        loaded,
        plan.prompts,
        batch_size=batch_size,
        seed=plan.settings.seed,
        draws=plan.settings.random_weights,
        drawn=True,
    )
    # An interrupted run that had come to its images goes on with them at once.
    text = (
        None if run.is_done(TEXT_STAGES[1]) else probe_text(run, encoded, seed=plan.settings.seed)
    )
    batches = _make_images(run, plan, encoded.readings, engine)
    judged = judge_images(run, plan.judging, plan.prompts, batches, engine=engine)
    text = text or probe_text(run, encoded, seed=plan.settings.seed)
    probed, notes = _probe(run, plan, text, batches, engine)
    _write_results(run, plan, text, judged, probed, notes)


def _make_images(
    run: RunDirectory, plan: AuditPlan, readings: Readings, engine: Engine | None = None
) -> tuple[Batch, ...]:
    from t2i_audit.stages.images import make_images
    from t2i_audit.stages.judging import judge_as_made

    sampling = _located(plan, readings)
    count = sampling.batches_of(plan.prompts)
    judge = None
    # An engine's actors judge all images once they are made.
    if engine is None or not engine.judges(plan.judging.primary):
        judge = judge_as_made(run, plan.judging, plan.prompts, count)
    return make_images(run, plan.inputs.loaded, plan.prompts, sampling, judge=judge, engine=engine)


def _located(plan: AuditPlan, readings: Readings) -> Sampling:
    """How images are sampled, recording the prompts whose words were found."""
    return replace(plan.sampling.sampling, located=readings.encoders_of(plan.prompts))


def _probe(
    run: RunDirectory,
    plan: AuditPlan,
    text: TextSide,
    batches: Sequence[Batch],
    engine: Engine | None,
) -> tuple[dict[str, StationProbes], list[str]]:
    """The probes of each station, and notes on what they leave out."""
    from t2i_audit.stages.denoiser import probe_denoiser

    probed = {"text_encoder": text.probes}
    notes = list(text.notes)
    if plan.settings.denoiser_station:
        sampling = _located(plan, text.readings)
        probed["denoiser"], more = probe_denoiser(
            run,
            plan.inputs.loaded,
            text.prompts,
            sampling,
            batches,
            seed=plan.settings.seed,
            draws=plan.settings.random_weights,
            engine=engine,
        )
        notes += more
    elif engine is not None:
        engine.release()  # nothing else is sampled
    return probed, notes


def _write_results(
    run: RunDirectory,
    plan: AuditPlan,
    text: TextSide,
    judged: list[dict[str, Any]],
    probed: Mapping[str, StationProbes],
    notes: Sequence[str],
) -> None:
    from t2i_audit.pipelines.safety import safety_notes
    from t2i_audit.stages.blocks import probe_blocks
    from t2i_audit.stages.vae import probe_vae
    from t2i_audit.stages.written import write_results

    loaded, seed = plan.inputs.loaded, plan.settings.seed
    blocks, vae, unread = None, None, list[str]()
    if plan.settings.denoiser_station:
        blocks = probe_blocks(run, loaded, text.prompts, seed=seed)
        vae, unread = probe_vae(run, loaded, text.prompts, seed=seed)
    adapter, primary = loaded.adapter, plan.judging.primary.name
    safety = safety_notes(
        [row for row in judged if row["judge"] == primary],
        checker=adapter.safety_checker,
        watermarker=adapter.watermarker,
    )
    write_results(
        run,
        plan.judging,
        plan.prompts,
        judged,
        text,
        probed,
        model=plan.settings.name,
        suite=plan.inputs.suite.name,
        n_seeds=plan.settings.seeds,
        located=text.readings.located,
        read_whole=text.readings.read_whole,
        encoders=adapter.text_encoders,
        blocks=blocks,
        vae=vae,
        notes=[*plan.inputs.notes, *plan.notes, *notes, *unread, *plan.sampling.notes, *safety],
        seed=seed,
    )
