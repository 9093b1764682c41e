"""The end of every run with images: its judges are compared, and its results are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prompts.structure import Prompt
from t2i_audit.judges.scope import scope_notes
from t2i_audit.run.directory import RunDirectory
from t2i_audit.stages.comparison import compare_judges
from t2i_audit.stages.cost import join_costs
from t2i_audit.stages.finished import seal
from t2i_audit.stages.judge_facts import facts_notes, panel_facts
from t2i_audit.stages.judging import Judging
from t2i_audit.stages.results import summarise
from t2i_audit.stages.tables import write_tables

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from t2i_audit.pipelines.text_encoders import TextEncoder
    from t2i_audit.probes.decoded import StationProbes
    from t2i_audit.results.blocks import BlocksSummary
    from t2i_audit.results.vae import VaeSummary
    from t2i_audit.stages.text import TextSide


def write_results(
    run: RunDirectory,
    judging: Judging,
    prompts: Sequence[Prompt],
    judged: Sequence[Mapping[str, Any]],
    text: TextSide,
    probed: Mapping[str, StationProbes],
    *,
    model: str,
    suite: str,
    n_seeds: int,
    located: NDArray[np.bool_],
    read_whole: NDArray[np.bool_],
    encoders: Sequence[TextEncoder],
    vae: VaeSummary | None = None,
    blocks: BlocksSummary | None = None,
    notes: Sequence[str],
    seed: int,
) -> None:
    """Judge what the judges' rates should be compared with, and write all that a run ends with.

    Args:
        run: the run.
        judging: its judges, the primary one first.
        prompts: the suite's `n` prompts.
        judged: rows of the table ``judgements``, of all judges.
        text: the suite as the text encoders read it.
        probed: the probes of each station.
        model, suite: their names.
        n_seeds: images per prompt.
        located: ``(n,)`` prompts whose words were found in what a text encoder gets.
        read_whole: ``(n,)`` prompts that a text encoder gets to the end as they are.
        encoders: of the audited model; none for images made elsewhere.
        vae: what is lost in its VAE, where that was read.
        blocks: what is lost from one block of its denoiser to the next, where these were recorded.
        notes: sentences that stand before those on the judges.
        seed: of every resampling.
    """
    panel, primary = judging.panel, judging.primary.name
    rows = {each.name: [row for row in judged if row["judge"] == each.name] for each in panel}
    scoped = [
        note
        for each in panel
        for note in scope_notes(each.judge, each.scope, len(prompts), rows[each.name])
    ]
    facts = panel_facts(
        run, judging, prompts, rows, read_whole=read_whole.tolist(), encoders=encoders, seed=seed
    )
    with run.stage("results", 1) as advance:
        summary, attributed = summarise(
            prompts,
            rows[primary],
            {name: each.spread(text.located, len(prompts)) for name, each in probed.items()},
            model=model,
            suite=suite,
            judge=primary,
            n_seeds=n_seeds,
            located=located,
            read_whole=read_whole,
            notes=[*notes, *scoped, *facts_notes(facts)],
            seed=seed,
        )
        summary = compare_judges(summary, panel, prompts, rows)
        summary = replace(summary, judge_facts=facts, vae=vae, blocks=blocks)
        write_tables(run.path, text, probed, summary, attributed)
        join_costs(run.path)
        seal(run, rows[primary])
        advance()
