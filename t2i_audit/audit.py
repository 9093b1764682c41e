"""The audit from end to end: suite, activations, probes, pictures, judgements, analysis, report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.suites import Suite, SuiteFormatError, load_suite
from t2i_audit.errors import SuiteError
from t2i_audit.io import to_json, write_json
from t2i_audit.progress import say
from t2i_audit.run.directory import SUMMARY, check_output, open_run, read_manifest_if_any
from t2i_audit.run.manifest import remembered_batch_size
from t2i_audit.run.same import require_same_files
from t2i_audit.run.share import local_rank, share_of
from t2i_audit.run.tables import table_from_rows, table_path, write_table
from t2i_audit.settings import LARGEST_AUTO_BATCH, AuditSettings, ProbeSettings

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.generation import Batch
    from t2i_audit.models.load import LoadedModel
    from t2i_audit.run.columns import TableName
    from t2i_audit.run.directory import RunDirectory
    from t2i_audit.stages.readings import Readings

# Folds, controls, resamples and pictures' noise all start from it.
SEED = 0
TEXT_STAGES = ("encode", "probe text_encoder")
PICTURE_STAGES = ("images", "judge")
DENOISER_STAGES = ("random denoiser", "probe denoiser")


@dataclass(frozen=True)
class _Inputs:
    """What both commands start from, checked before anything is written."""

    suite: Suite
    loaded: LoadedModel
    notes: tuple[str, ...]
    """On how the checkpoint was changed and how it reads prompts."""
    located: Prompt | None
    """The first prompt whose words are found in what a text encoder gets; None if there is none."""

    @property
    def prompts_to_try(self) -> tuple[Prompt, ...]:
        """The suite's prompts, one first at which a denoiser can be recorded."""
        first = () if self.located is None else (self.located,)
        return (*first, *(each for each in self.suite.prompts if each is not self.located))

    def identity(self, settings: AuditSettings | ProbeSettings) -> dict[str, Any]:
        """What the results depend on, for the manifest."""
        from t2i_audit.models.cleaning import cleaning_packages

        return {
            "model": settings.model,
            "pipeline": type(self.loaded.pipeline).__name__,
            "weights_sha256": self.loaded.weights_sha256,
            "checkpoint": self.loaded.checkpoint,
            "suite": self.suite.name,
            "suite_sha256": self.suite.sha256,
            "prompts": len(self.suite.prompts),
            "seed": SEED,
            "dtype": self.loaded.dtype_name,
            "device": self.loaded.device.type,
            **settings.placement.rounding(),
            "caption_cleaning": cleaning_packages(self.loaded.pipeline),
            "commit": self.loaded.commit,
            "variant": settings.model_options.variant,
            "lora": self.loaded.loras,
            "embedding": self.loaded.embeddings,
        }


def _load(settings: AuditSettings | ProbeSettings) -> _Inputs:
    check_output(settings.out)
    try:
        suite = load_suite(settings.suite).limited(settings.limit)
    except SuiteFormatError as error:
        raise SuiteError(str(error)) from error
    if isinstance(settings, AuditSettings):
        settings.check_count(len(suite.prompts))
    alone = isinstance(settings, ProbeSettings)
    if alone and not any(prompt.constituents for prompt in suite.prompts):
        raise SuiteError(
            f"suite {suite.name!r} names no constituents, so there is nothing to probe; give a "
            "suite with structure (see `t2i-audit prompts`), or audit it"
        )
    from t2i_audit.generation.dry_run import naming_encoding_faults
    from t2i_audit.generation.memory import remember_offload
    from t2i_audit.stages.text import check_text

    loaded = _load_model(settings)
    _require_checkpoint_of_run(settings, loaded)
    remember_offload(loaded, settings.out)
    # Words must be found in what is encoded, which is told before anything is written.
    with naming_encoding_faults(loaded):
        located = check_text(loaded, suite.prompts)
    if alone and located is None:
        raise SuiteError(
            f"all {len(suite.prompts)} prompts are longer than the text encoder reads, or changed "
            "by the pipeline, so there is nothing to probe; shorten them"
        )
    from t2i_audit.models.cleaning import uncleaned_notes

    notes = (
        *loaded.notes,
        *uncleaned_notes(loaded.pipeline),
        *_unsaid_notes(settings, loaded, suite),
    )
    return _Inputs(suite, loaded, notes, located)


def _require_checkpoint_of_run(
    settings: AuditSettings | ProbeSettings, loaded: LoadedModel
) -> None:
    """Name a file that has changed since the run was begun before it makes anything else fail."""
    there = read_manifest_if_any(settings.out)
    if there is not None:
        files = {"checkpoint": loaded.checkpoint, "lora": loaded.loras}
        asked = {"model": settings.model, **files, "embedding": loaded.embeddings}
        require_same_files(settings.out, there.settings, to_json(asked))


def _unsaid_notes(
    settings: AuditSettings | ProbeSettings, loaded: LoadedModel, suite: Suite
) -> list[str]:
    """A sentence for each textual inversion that no prompt says."""
    from t2i_audit.models.embedding import unsaid_notes

    texts = [prompt.text for prompt in suite.prompts]
    if isinstance(settings, AuditSettings) and settings.picture_options.negative_prompt:
        texts.append(settings.picture_options.negative_prompt)
    paths = (path for path, _ in settings.model_options.embeddings())
    return unsaid_notes(loaded.pipeline, zip(paths, loaded.embeddings, strict=True), texts)


def _load_model(settings: AuditSettings | ProbeSettings) -> LoadedModel:
    from t2i_audit.models import load_model
    from t2i_audit.models.text_encoder import load_text_encoder

    _take_own_device()
    if isinstance(settings, ProbeSettings) and settings.encoder_alone:
        return load_text_encoder(
            settings.model,
            tokenizer=settings.tokenizer,
            dtype=settings.dtype,
            device=settings.device,
        )
    return load_model(
        settings.model,
        dtype=settings.dtype,
        device=settings.device,
        placement=settings.placement,
        options=settings.model_options,
    )


def _take_own_device() -> None:
    """Of a machine's devices each process that was launched there takes its own."""
    import torch

    if local_rank() < torch.cuda.device_count():
        torch.cuda.set_device(local_rank())


def run_probe(settings: ProbeSettings) -> Path:
    """Decode a suite from a checkpoint's text encoders alone; returns the run directory."""
    inputs = _load(settings)
    from t2i_audit.report.losses import write_losses
    from t2i_audit.stages.finished import is_finished, seal
    from t2i_audit.stages.results import decodability_rows, text_only_summary
    from t2i_audit.stages.text import fitting_encoding, probe_rows, read_text

    batch_size = settings.batch_size or remembered_batch_size(read_manifest_if_any(settings.out))
    if batch_size is None:
        batch_size = fitting_encoding(inputs.loaded, inputs.suite.prompts, LARGEST_AUTO_BATCH)
    identity = {"command": "probe", **inputs.identity(settings), "batch_size": batch_size}
    if settings.encoder_alone:
        identity |= inputs.loaded.pipeline.identity
    with open_run(settings.out, identity, stages=(*TEXT_STAGES, "results")) as run:
        if is_finished(run):
            return run.path
        for note in inputs.notes if run.share.speaks else ():
            say(note)
        prompts = inputs.suite.prompts
        text = read_text(run, inputs.loaded, prompts, batch_size=batch_size, seed=SEED, drawn=False)
        with run.stage("results", 1) as advance:
            _write(run, "prompts", text.rows)
            read = probe_rows("text_encoder", text.probes)
            _write(run, "probes", read)
            write_losses(run.path, read, {})
            rows = decodability_rows("text_encoder", text.probes, text.prompts)
            _write(run, "decodability", rows)
            summary = text_only_summary(
                settings.model,
                inputs.suite.name,
                prompts,
                text.probes.spread(text.located, len(prompts)),
                notes=text.notes,
                seed=SEED,
            )
            write_json(run.path / SUMMARY, replace(summary, notes=(*inputs.notes, *summary.notes)))
            seal(run)
            advance()
        return run.path


def run_audit(settings: AuditSettings) -> Path:
    """Audit a checkpoint; returns the run directory.

    The same settings in the same directory go on where an interrupted audit stopped, and end with
    the same tables.
    """
    from t2i_audit.judges.load import load_judge
    from t2i_audit.judges.scope import require_scope, scope_lines, scope_notes

    inputs = _load(settings)
    share = share_of(settings.shard)
    judge = load_judge(settings.judge, device=inputs.loaded.device.type)
    scope = judge.scope(inputs.suite.prompts)
    require_scope(judge, scope, inputs.suite.prompts, strict=settings.strict)
    from t2i_audit.generation.safety import safety_notes
    from t2i_audit.report.losses import write_losses
    from t2i_audit.stages.denoiser import probe_denoiser
    from t2i_audit.stages.finished import is_finished, keep_settings, seal
    from t2i_audit.stages.judging import judge_as_made, judge_pictures
    from t2i_audit.stages.pictures import (
        make_pictures,
    )
    from t2i_audit.stages.results import decodability_rows, summarise
    from t2i_audit.stages.sampling import plan_sampling, with_layout
    from t2i_audit.stages.text import probe_rows, read_prompts, read_text

    plan = plan_sampling(inputs.loaded, inputs.prompts_to_try, settings)
    sampling = plan.sampling
    identity = {
        "command": "audit",
        **inputs.identity(settings),
        "seeds": settings.seeds,
        **plan.identity,
        "judge": {"name": judge.name, **judge.fingerprint},
        "denoiser_station": settings.denoiser_station,
    }
    probing = DENOISER_STAGES if settings.denoiser_station else ()
    stages = (*TEXT_STAGES, *PICTURE_STAGES, *probing, "results")
    with open_run(settings.out, identity, stages=stages, share=share) as run:
        keep_settings(run, settings)
        if is_finished(run):
            return run.path
        sampling = with_layout(inputs.loaded, inputs.prompts_to_try, sampling)
        scoped = scope_lines(judge, scope, len(inputs.suite.prompts))
        # Once the run has begun: what is refused before is told in one sentence alone.
        for line in (*inputs.notes, *scoped, *plan.lines) if share.speaks else ():
            say(line)

        prompts = inputs.suite.prompts

        def pictures_of(readings: Readings) -> tuple[Batch, ...]:
            judging = judge_as_made(
                run,
                judge,
                prompts,
                sampling.batches_of(prompts),
                unjudgeable=scope.unjudgeable,
            )
            own = replace(sampling, located=readings.encoders_of(prompts))
            return make_pictures(run, inputs.loaded, prompts, own, judge=judging)

        if not share.finishes:
            pictures_of(read_prompts(inputs.loaded, prompts, sampling.batch_size))
            return run.path
        text = read_text(
            run, inputs.loaded, prompts, batch_size=sampling.batch_size, seed=SEED, drawn=True
        )
        batches = pictures_of(text.readings)
        judged = judge_pictures(run, judge, prompts, batches, unjudgeable=scope.unjudgeable)
        probed = {"text_encoder": text.probes}
        notes = list(text.notes)
        if settings.denoiser_station:
            own = replace(sampling, located=text.readings.encoders_of(prompts))
            probed["denoiser"], said = probe_denoiser(
                run, inputs.loaded, text.prompts, own, batches, seed=SEED
            )
            notes += said
        with run.stage("results", 1) as advance:
            summary, attributed = summarise(
                prompts,
                judged,
                {name: each.spread(text.located, len(prompts)) for name, each in probed.items()},
                model=settings.model,
                suite=inputs.suite.name,
                judge=judge.name,
                n_seeds=settings.seeds,
                located=text.readings.located,
                read_whole=text.readings.read_whole,
                notes=[
                    *inputs.notes,
                    *notes,
                    *plan.notes,
                    *safety_notes(inputs.loaded.pipeline, judged),
                    *scope_notes(judge, scope, len(inputs.suite.prompts), judged),
                ],
                seed=SEED,
            )
            _write(run, "prompts", text.rows)
            read = [row for name, each in probed.items() for row in probe_rows(name, each)]
            _write(run, "probes", read)
            write_losses(run.path, read, summary.success.by_slot if summary.success else {})
            decoded = [
                row
                for name, each in probed.items()
                for row in decodability_rows(name, each, text.prompts)
            ]
            _write(run, "decodability", decoded)
            _write(run, "attributions", attributed)
            write_json(run.path / SUMMARY, summary)
            seal(run, judged)
            advance()
        return run.path


def _write(run: RunDirectory, name: TableName, rows: list[dict[str, Any]]) -> None:
    write_table(table_path(run.path, name), name, table_from_rows(name, rows))
