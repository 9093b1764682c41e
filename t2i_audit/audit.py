"""The audit from end to end: suite, activations, probes, pictures, judgements, analysis, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.suites import Suite, SuiteFormatError, load_suite
from t2i_audit.errors import SuiteError
from t2i_audit.io import sha256_of, write_json
from t2i_audit.progress import say
from t2i_audit.run.columns import COLUMNS
from t2i_audit.run.command import write_settings
from t2i_audit.run.directory import SUMMARY, check_output, open_run, read_manifest_if_any
from t2i_audit.run.share import local_rank, share_of
from t2i_audit.run.tables import table_from_rows, table_path, write_table
from t2i_audit.settings import LARGEST_AUTO_BATCH, AuditSettings, ProbeSettings

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.generation import Batch
    from t2i_audit.models.load import LoadedModel
    from t2i_audit.run.columns import TableName
    from t2i_audit.run.directory import RunDirectory

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

    def identity(self, settings: AuditSettings | ProbeSettings) -> dict[str, Any]:
        """What the results depend on, for the manifest."""
        return {
            "model": settings.model,
            "pipeline": type(self.loaded.pipeline).__name__,
            "weights_sha256": self.loaded.weights_sha256,
            "suite": self.suite.name,
            "suite_sha256": self.suite.sha256,
            "prompts": len(self.suite.prompts),
            "seed": SEED,
            "dtype": self.loaded.dtype_name,
            "device": self.loaded.device.type,
            **settings.placement.rounding(),
            "commit": self.loaded.commit,
            "variant": settings.model_options.variant,
            "lora": [
                {"weight": weight, "sha256": sha256_of(Path(path))}
                for path, weight in settings.model_options.loras()
            ],
        }


def _load(settings: AuditSettings | ProbeSettings) -> _Inputs:
    check_output(settings.out)
    try:
        suite = load_suite(settings.suite).limited(settings.limit)
    except SuiteFormatError as error:
        raise SuiteError(str(error)) from error
    if isinstance(settings, AuditSettings):
        settings.check_count(len(suite.prompts))
    from t2i_audit.generation.dry_run import try_encoding
    from t2i_audit.generation.memory import remember_offload

    loaded = _load_model(settings)
    remember_offload(loaded, settings.out)
    # Words must be found in what is encoded, which is told before anything is written.
    try_encoding(loaded, suite.prompts[:1])
    return _Inputs(suite, loaded)


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


def _remembered_batch_size(out: Path) -> int | None:
    """The batch size that an earlier process found for the run in `out`."""
    manifest = read_manifest_if_any(out)
    return None if manifest is None else int(manifest.settings["batch_size"])


def run_probe(settings: ProbeSettings) -> Path:
    """Decode a suite from a checkpoint's text encoders alone; returns the run directory."""
    inputs = _load(settings)
    from t2i_audit.report.losses import write_losses
    from t2i_audit.stages.results import decodability_rows, text_only_summary
    from t2i_audit.stages.text import fitting_encoding, probe_rows, read_text

    batch_size = settings.batch_size or _remembered_batch_size(settings.out)
    if batch_size is None:
        batch_size = fitting_encoding(inputs.loaded, inputs.suite.prompts, LARGEST_AUTO_BATCH)
    identity = {"command": "probe", **inputs.identity(settings), "batch_size": batch_size}
    if settings.encoder_alone:
        identity |= inputs.loaded.pipeline.identity
    with open_run(settings.out, identity, stages=(*TEXT_STAGES, "results")) as run:
        if _is_finished(run):
            return run.path
        text = read_text(run, inputs.loaded, inputs.suite.prompts, batch_size=batch_size, seed=SEED)
        with run.stage("results", 1) as advance:
            _write(run, "prompts", text.rows)
            read = probe_rows("text_encoder", text.probes)
            _write(run, "probes", read)
            write_losses(run.path, read, {})
            rows = decodability_rows("text_encoder", text.probes, text.prompts)
            _write(run, "decodability", rows)
            summary = text_only_summary(
                settings.model, inputs.suite.name, text.prompts, text.probes, seed=SEED
            )
            write_json(run.path / SUMMARY, summary)
            _seal(run)
            advance()
        return run.path


def run_audit(settings: AuditSettings) -> Path:
    """Audit a checkpoint; returns the run directory.

    The same settings in the same directory go on where an interrupted audit stopped, and end with
    the same tables.
    """
    from t2i_audit.judges.load import load_judge

    inputs = _load(settings)
    judge = load_judge(settings.judge, device=inputs.loaded.device.type)
    judge.check(inputs.suite.prompts)
    from t2i_audit.generation.safety import safety_notes
    from t2i_audit.report.losses import write_losses
    from t2i_audit.stages.judging import judge_as_made, judge_pictures
    from t2i_audit.stages.pictures import (
        denoiser_features,
        make_pictures,
        random_denoiser_features,
    )
    from t2i_audit.stages.results import decodability_rows, summarise
    from t2i_audit.stages.sampling import plan_sampling
    from t2i_audit.stages.text import probe, probe_rows, prompts_that_fit, read_text

    plan = plan_sampling(inputs.loaded, inputs.suite.prompts, settings)
    sampling = plan.sampling
    identity = {
        "command": "audit",
        **inputs.identity(settings),
        "batch_size": sampling.batch_size,
        "seeds": settings.seeds,
        "sampler": plan.sampler,
        "judge": {"name": judge.name, **judge.fingerprint},
        "denoiser_station": settings.denoiser_station,
    }
    probing = DENOISER_STAGES if settings.denoiser_station else ()
    stages = (*TEXT_STAGES, *PICTURE_STAGES, *probing, "results")
    share = share_of(settings.shard)
    with open_run(settings.out, identity, stages=stages, share=share) as run:
        write_settings(run.path, settings)
        if _is_finished(run):
            return run.path
        if share.speaks:
            say(plan.line)

        def pictures_of(prompts: tuple[Prompt, ...]) -> tuple[Batch, ...]:
            judging = judge_as_made(run, judge, prompts, sampling.batches_of(prompts))
            return make_pictures(run, inputs.loaded, prompts, sampling, judge=judging)

        if not share.finishes:
            pictures_of(prompts_that_fit(inputs.loaded, inputs.suite.prompts, sampling.batch_size))
            return run.path
        text = read_text(
            run, inputs.loaded, inputs.suite.prompts, batch_size=sampling.batch_size, seed=SEED
        )
        batches = pictures_of(text.prompts)
        judged = judge_pictures(run, judge, text.prompts, batches)
        probed = {"text_encoder": text.probes}
        if settings.denoiser_station:
            features = denoiser_features(run.path, batches, text.prompts)
            rows = range(len(text.prompts))
            twin = random_denoiser_features(run, inputs.loaded, text.prompts, sampling, seed=SEED)
            probed["denoiser"] = probe(
                run, "denoiser", text.prompts, features, rows, seed=SEED, twin=twin
            )
        with run.stage("results", 1) as advance:
            cut = len(inputs.suite.prompts) - len(text.prompts)
            summary, attributed = summarise(
                text.prompts,
                judged,
                probed,
                model=settings.model,
                suite=inputs.suite.name,
                judge=judge.name,
                n_seeds=settings.seeds,
                notes=[
                    *([_cut_note(cut)] if cut else []),
                    *plan.notes,
                    *safety_notes(inputs.loaded.pipeline, judged),
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
            _seal(run, judged)
            advance()
        return run.path


def _is_finished(run: RunDirectory) -> bool:
    """Whether all results are there and sound; says which are not."""
    if not run.manifest.complete:
        return False
    damaged = run.damaged()
    if damaged:
        say(f"{run.path / damaged[0]} is missing or damaged; the results are made again")
    return not damaged and (run.path / SUMMARY).exists()


def _seal(run: RunDirectory, judged: Sequence[Mapping[str, Any]] = ()) -> None:
    tables = [table_path(run.path, name) for name in COLUMNS]
    flaws = Counter(str(row["flaw"]) for row in judged if row["flaw"])
    run.seal([*(table for table in tables if table.exists()), run.path / SUMMARY], flaws=flaws)


def _cut_note(count: int) -> str:
    return (
        f"{count} prompts are longer than the text encoder reads and are left out of every "
        "estimate; prompts.parquet names them."
    )


def _write(run: RunDirectory, name: TableName, rows: list[dict[str, Any]]) -> None:
    write_table(table_path(run.path, name), name, table_from_rows(name, rows))
