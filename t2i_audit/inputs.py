"""What an audit and a probe start from: the suite and the loaded model, checked beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.selection.subset import Sample, draw_sample
from prompts.suite import Suite, SuiteFormatError, load_suite
from t2i_audit.errors import SuiteError
from t2i_audit.io import to_json
from t2i_audit.reporter import Reporter
from t2i_audit.run.directory import check_output, read_manifest_if_any
from t2i_audit.run.manifest import IN_MEMORY, Manifest, new_manifest
from t2i_audit.run.same import require_same, require_same_files
from t2i_audit.settings import (
    AuditSettings,
    PlanSettings,
    ProbeSettings,
    RunSettings,
    check_count,
)
from t2i_audit.workers import local_rank

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel


SAMPLED_OVER = ("type", "split")  # fields whose groups a sample draws from evenly


@dataclass(frozen=True)
class EarlierRun:
    """A run that is resumed, or whose images are used."""

    path: Path
    manifest: Manifest


@dataclass(frozen=True, eq=False)
class Inputs:
    """The suite and the model of a run."""

    suite: Suite
    loaded: LoadedModel
    notes: tuple[str, ...]
    """How the checkpoint was changed and how it reads prompts; for the screen and the summary."""
    located: Prompt | None
    """The first prompt whose words are all found in what a text encoder reads, if there is one."""

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts of the suite."""
        return self.suite.prompts

    @property
    def prompts_to_try(self) -> tuple[Prompt, ...]:
        """The suite's prompts, beginning with one at which a denoiser can be recorded."""
        first = () if self.located is None else (self.located,)
        return (*first, *(each for each in self.suite.prompts if each is not self.located))

    def reporting_to(self, reporter: Reporter) -> Inputs:
        """These inputs, whose model reports to `reporter`."""
        if reporter == self.loaded.reporter:
            return self  # the model's adapter need not be made anew
        return replace(self, loaded=replace(self.loaded, reporter=reporter))

    def identity(self, settings: RunSettings) -> dict[str, Any]:
        """What the results of every run depend on, for the manifest."""
        from t2i_audit.probes.folds import VERSION

        return {
            "model": settings.name,
            "pipeline": self.loaded.adapter.class_name,
            "weights_sha256": self.loaded.weights_sha256,
            "checkpoint": self.loaded.checkpoint,
            **({IN_MEMORY: True} if self.loaded.source == "memory" else {}),
            "suite": self.suite.name,
            **({} if settings.sample is None else {"sample": settings.sample}),
            "suite_sha256": self.suite.sha256,
            "prompts": len(self.suite.prompts),
            "seed": settings.seed,
            "random_weights": settings.random_weights,
            "probe_version": VERSION,
            "dtype": self.loaded.dtype_name,
            "device": self.loaded.device.type,
            **settings.placement.rounding(),
            "caption_cleaning": self.loaded.adapter.caption_cleaning,
            "commit": self.loaded.commit,
            "variant": settings.model_options.variant,
            **_if_any("quantization", self.loaded.quantization),
            "lora": self.loaded.loras,
            "embedding": self.loaded.embeddings,
        }


def _if_any(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """What few runs have, under its name; absent in all others, as in those of earlier versions."""
    return {name: value} if value else {}


def earlier_run(out: Path) -> EarlierRun | None:
    """The run that `out` holds; None if it is absent or empty.

    Raises:
        RunDirectoryError: `out` cannot be used as a run directory.
    """
    check_output(out)
    manifest = read_manifest_if_any(out)
    return None if manifest is None else EarlierRun(out, manifest)


def require_resumable(out: Path, identity: Mapping[str, Any]) -> None:
    """Refuse a run directory that holds a run of other settings.

    Raises:
        RunDirectoryError: it does; the first difference is named.
    """
    there = read_manifest_if_any(out)
    if there is not None:
        require_same(out, there, new_manifest(identity, created=""))


def load_inputs(
    settings: AuditSettings | ProbeSettings,
    reporter: Reporter,
    *,
    earlier: EarlierRun | None,
    suite: Suite | None = None,
    pipeline: Any = None,
) -> Inputs:
    """Load the suite and the model of `settings`, and check that the model reads the prompts.

    Args:
        settings: the user's.
        reporter: receives what the user should know of the loading.
        earlier: a run that must have been made with the same files.
        suite: the prompts, where they are not those that `settings` name.
        pipeline: the model, where it is in memory; `settings` have only its name then.

    Raises:
        AuditError: something cannot be loaded or used together.
    """
    drawn: tuple[str, ...] = ()
    if suite is None:
        suite, drawn = _load_suite(settings)
    from t2i_audit.generation.dry_run import naming_encoding_faults
    from t2i_audit.generation.memory import remember_offload
    from t2i_audit.pipelines.cleaning import uncleaned_notes
    from t2i_audit.stages.text import check_text

    if pipeline is None:
        loaded = _load_model(settings, reporter)
    else:
        loaded = _adopt(settings, reporter, pipeline)
    _require_same_checkpoint(settings, loaded, earlier)
    remember_offload(loaded, settings.out)
    with naming_encoding_faults(loaded):
        located = check_text(loaded, suite.prompts)
    if isinstance(settings, ProbeSettings) and located is None:
        raise SuiteError(
            f"all {len(suite.prompts)} prompts are longer than the text encoder reads, or changed "
            "by the pipeline, so there is nothing to probe; shorten them"
        )
    notes = (
        *drawn,
        *loaded.notes,
        *uncleaned_notes(loaded.adapter.class_name, loaded.adapter.caption_cleaning),
        *_unused_embedding_notes(settings, loaded, suite),
    )
    return Inputs(suite, loaded, notes, located)


def suite_of(settings: RunSettings | PlanSettings) -> tuple[Suite, tuple[str, ...]]:
    """The prompts that `settings` name, and notes on how they were drawn from their suite.

    Raises:
        SuiteError: there is no such suite, or a line of it is at fault.
    """
    try:
        whole = load_suite(settings.suite)
    except SuiteFormatError as error:
        raise SuiteError(str(error)) from error
    return _drawn(whole, settings)


def _load_suite(settings: AuditSettings | ProbeSettings) -> tuple[Suite, tuple[str, ...]]:
    suite, notes = suite_of(settings)
    if isinstance(settings, AuditSettings):
        check_count(len(suite.prompts), settings.seeds)
    elif not any(prompt.constituents for prompt in suite.prompts):
        raise SuiteError(
            f"suite {suite.name!r} names no constituents, so there is nothing to probe; give a "
            "suite with structure (see `t2i-audit prompts`), or audit it"
        )
    return suite, notes


def _drawn(whole: Suite, settings: RunSettings | PlanSettings) -> tuple[Suite, tuple[str, ...]]:
    """The sample or the head of a suite that `settings` ask for, and notes on it."""
    if settings.sample is None:
        suite = whole.limited(settings.limit)
        return suite, _notes_on_head(whole, suite)
    wanted = Sample(settings.sample, SAMPLED_OVER, settings.seed)
    prompts, _, notes = draw_sample(whole.prompts, wanted)
    return Suite(whole.name, prompts), tuple(f"{note[0].upper()}{note[1:]}." for note in notes)


def _notes_on_head(whole: Suite, head: Suite) -> tuple[str, ...]:
    there, kept = (len({prompt.type for prompt in each.prompts}) for each in (whole, head))
    if kept == there:
        return ()
    count = len(head.prompts)
    return (
        f"--limit takes the first {count} of {len(whole.prompts)} prompts, which are of {kept} of "
        f"the suite's {there} types; --sample {count} draws evenly over types and splits.",
    )


def _load_model(settings: AuditSettings | ProbeSettings, reporter: Reporter) -> LoadedModel:
    from t2i_audit.models import load_model
    from t2i_audit.models.text_encoder import load_text_encoder

    _take_own_device()
    if isinstance(settings, ProbeSettings) and settings.encoder_alone:
        loaded = load_text_encoder(
            settings.name,
            tokenizer=settings.tokenizer,
            dtype=settings.dtype,
            device=settings.device,
        )
        return replace(loaded, reporter=reporter)
    return load_model(
        settings.model,
        dtype=settings.dtype,
        device=settings.device,
        placement=settings.placement,
        options=settings.model_options,
        reporter=reporter,
    )


def _adopt(
    settings: AuditSettings | ProbeSettings, reporter: Reporter, pipeline: Any
) -> LoadedModel:
    from t2i_audit.models.in_memory import adopt

    return adopt(
        pipeline,
        name=settings.model,
        dtype=settings.dtype,
        device=settings.device,
        placement=settings.placement,
        options=settings.model_options,
        reporter=reporter,
    )


def _take_own_device() -> None:
    """Have each process that was launched on this machine use a device of its own."""
    import torch

    if local_rank() < torch.cuda.device_count():
        torch.cuda.set_device(local_rank())


def _require_same_checkpoint(
    settings: RunSettings, loaded: LoadedModel, earlier: EarlierRun | None
) -> None:
    """Name a file that changed since the earlier run, before it makes anything else fail."""
    if earlier is not None:
        files = {"checkpoint": loaded.checkpoint, "lora": loaded.loras}
        asked = {"model": settings.name, **files, "embedding": loaded.embeddings}
        require_same_files(earlier.path, earlier.manifest.settings, to_json(asked))


def _unused_embedding_notes(
    settings: AuditSettings | ProbeSettings, loaded: LoadedModel, suite: Suite
) -> list[str]:
    """A sentence for each textual inversion whose token occurs in no prompt."""
    from t2i_audit.models.embedding import unused_notes

    texts = [prompt.text for prompt in suite.prompts]
    if isinstance(settings, AuditSettings) and settings.image_options.negative_prompt:
        texts.append(settings.image_options.negative_prompt)
    paths = (path for path, _ in settings.model_options.embeddings())
    return unused_notes(loaded.pipeline, zip(paths, loaded.embeddings, strict=True), texts)
