"""What is found out about a run's judge, to stand beside its success rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prompts.structure import Prompt
from t2i_audit.analysis.guessing import guess_rates
from t2i_audit.judges.base import Judge
from t2i_audit.judges.blind import AT_ONCE
from t2i_audit.judges.guessing import Guesser
from t2i_audit.judges.panel import at_work
from t2i_audit.judges.room import Room
from t2i_audit.judges.shared_weights import encoders_shared_with
from t2i_audit.judges.weak_kinds import weak_kinds, weakness_note
from t2i_audit.results.judge_facts import GuessRates, JudgeFacts
from t2i_audit.run.directory import RunDirectory
from t2i_audit.stages.blind import blind_baselines
from t2i_audit.stages.files import JUDGEMENTS

if TYPE_CHECKING:
    from t2i_audit.pipelines.text_encoders import TextEncoder
    from t2i_audit.stages.judging import Judging


def panel_facts(
    run: RunDirectory,
    judging: Judging,
    prompts: Sequence[Prompt],
    judged: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    read_whole: Sequence[bool],
    encoders: Sequence[TextEncoder] = (),
    seed: int,
) -> dict[str, JudgeFacts]:
    """The facts of every judge of a run by its name; see `judge_facts`.

    Args:
        judged: rows of the table ``judgements`` by judge.
    """
    names = [member.name for member in judging.panel]
    facts = {}
    for member in judging.panel:
        with at_work(judging.panel, member, judging.device) as judge:
            facts[member.name] = judge_facts(
                run,
                judge,
                prompts,
                judged[member.name],
                judges=names,
                read_whole=read_whole,
                room=Room(
                    run.path / JUDGEMENTS / member.key, judging.at_once or AT_ONCE, run.reporter
                ),
                encoders=encoders,
                seed=seed,
            )
    return facts


def judge_facts(
    run: RunDirectory,
    judge: Judge,
    prompts: Sequence[Prompt],
    judged: Sequence[Mapping[str, Any]],
    *,
    judges: Sequence[str],
    read_whole: Sequence[bool],
    room: Room,
    encoders: Sequence[TextEncoder] = (),
    seed: int,
) -> JudgeFacts:
    """The facts of one judge of a run.

    Args:
        run: whose images it judged.
        judge: the judge.
        prompts: the suite's `n` prompts.
        judged: its rows of the table ``judgements``.
        judges: the names of all judges of the run.
        read_whole: ``(n,)`` prompts that a text encoder gets to the end as they are.
        room: how many images the judge is shown at once.
        encoders: of the audited model; none for images made elsewhere.
        seed: of the sample.
    """
    return JudgeFacts(
        guessing=_guessing(judge, prompts, judged, read_whole),
        blind=blind_baselines(run, judge, prompts, judged, room=room, seed=seed),
        weak_kinds=weak_kinds(judges, prompts),
        shares_weights_with=encoders_shared_with(judge, encoders),
    )


def facts_notes(facts: Mapping[str, JudgeFacts]) -> Iterator[str]:
    """Sentences on a run's judges that the figures should not be read without."""
    for name, own in facts.items():
        if own.weak_kinds:
            yield weakness_note(name, own.weak_kinds)
        if own.shares_weights_with:
            encoders = " and ".join(own.shares_weights_with)
            yield (
                f"{name} has the weights of the model's own {encoders}: what that encoder confuses "
                "the judge confuses too, so failures may be missed and success is overstated. Use "
                "a judge with other weights."
            )


def _guessing(
    judge: Judge,
    prompts: Sequence[Prompt],
    judged: Sequence[Mapping[str, Any]],
    read_whole: Sequence[bool],
) -> GuessRates | None:
    if not isinstance(judge, Guesser):
        return None
    asked = {row["prompt_id"] for row in judged if row["correct"] is not None}
    guesses = {prompt.id: judge.guess(prompt) for prompt in prompts if prompt.id in asked}
    return guess_rates(
        prompts,
        judged,
        {prompt_id: guess.correct for prompt_id, guess in guesses.items()},
        {prompt_id: guess.slots for prompt_id, guess in guesses.items()},
        read_whole,
    )
