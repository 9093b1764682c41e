"""What is known of prompts before there is an image: of a run's own, and of new ones.

Each slot is read where the run decodes it best, by a probe fitted to the states that the run
recorded. The run's own prompts are read out of fold, and new ones in the same scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.text.encode import EncodedSuite, encode_suite
from t2i_audit.analysis.forecast.known import KnownPrompt
from t2i_audit.errors import AuditError
from t2i_audit.generation.memory import with_room
from t2i_audit.probes.cross_fitted import CrossFitted, cross_fit
from t2i_audit.reporter import Reporter
from t2i_audit.results.features import READ
from t2i_audit.results.place import Place
from t2i_audit.results.run import Run
from t2i_audit.run.tables import read_rows, table_path

if TYPE_CHECKING:
    from t2i_audit.models.loaded import LoadedModel

CHUNK = 512  # new prompts whose states of all places are in memory at once


def known_by_words(prompts: Sequence[Prompt]) -> tuple[KnownPrompt, ...]:
    """`prompts` without any text encoder; their lengths are in words."""
    return tuple(KnownPrompt(each, len(each.text.split())) for each in prompts)


def read_own(
    run: Run, prompts: Sequence[Prompt], *, seed: int, reporter: Reporter
) -> tuple[tuple[KnownPrompt, ...], dict[Place, dict[str, CrossFitted]]]:
    """The run's own `prompts`, and the probes that read their slots, by place and slot."""
    tokens = {
        str(row["prompt_id"]): int(str(row["tokens"]))
        for row in read_rows(table_path(run.path, "prompts"), "prompts")
    }
    probability: dict[str, dict[str, float]] = {prompt.id: {} for prompt in prompts}
    probes: dict[Place, dict[str, CrossFitted]] = {}
    slots = sorted({part.slot for prompt in prompts for part in prompt.constituents})
    with reporter.stage("probe", len(slots)) as advance:
        for slot in slots:
            found = _cross_fit(run, prompts, slot, seed=seed)
            if found is not None:
                place, own, fitted = found
                probes.setdefault(place, {})[slot] = fitted
                for prompt, value in zip(own, fitted.probability, strict=True):
                    probability[prompt.id][slot] = float(value)
            advance()
    known = [KnownPrompt(each, tokens[each.id], probability[each.id]) for each in prompts]
    return tuple(known), probes


def read_new(
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    probes: Mapping[Place, Mapping[str, CrossFitted]],
    *,
    batch_size: int,
    reporter: Reporter,
) -> tuple[tuple[KnownPrompt, ...], dict[str, tuple[str, ...]]]:
    """New `prompts` as the checkpoint's text encoders hold them.

    Returns:
        The prompts, and by id what is wrong with those that no text encoder reads to the end, e.g.
        ``cut off``.
    """
    known: list[KnownPrompt] = []
    faults: dict[str, tuple[str, ...]] = {}
    with reporter.stage("encode", len(prompts)) as advance:
        for start in range(0, len(prompts), CHUNK):
            part = prompts[start : start + CHUNK]
            attempt = partial(encode_suite, loaded, part, batch_size=batch_size, on_batch=advance)
            encoded = with_room(loaded, attempt, size=batch_size)
            probability = _probabilities(encoded, part, probes)
            for row, prompt in enumerate(part):
                length = max(own[row].eos + 1 for own in encoded.tokens.values())
                known.append(KnownPrompt(prompt, length, probability[row]))
                readings = [own[row].reading for own in encoded.tokens.values()]
                if all(reading not in READ for reading in readings):
                    faults[prompt.id] = (readings[0].replace("_", " "),)
    return tuple(known), faults


def _cross_fit(
    run: Run, prompts: Sequence[Prompt], slot: str, *, seed: int
) -> tuple[Place, list[Prompt], CrossFitted] | None:
    """None for a slot that the run reads nowhere."""
    try:
        place = run.best_place(slot)
    except AuditError:
        return None
    by_id = {prompt.id: prompt for prompt in prompts if prompt.constituent(slot) is not None}
    features = run.features(place)
    rows = [row for row, each in enumerate(features.prompt_ids) if each in by_id]
    own = [by_id[features.prompt_ids[row]] for row in rows]
    labels = [_value(prompt, slot) for prompt in own]
    pairs = [prompt.pairs_of(slot) for prompt in own]
    return place, own, cross_fit(features.values[rows], labels, pairs, seed=seed)


def _probabilities(
    encoded: EncodedSuite,
    prompts: Sequence[Prompt],
    probes: Mapping[Place, Mapping[str, CrossFitted]],
) -> list[dict[str, float]]:
    """By prompt and slot, of the slot's true value."""
    probability: list[dict[str, float]] = [{} for _ in prompts]
    for place, values, valid in _states(encoded):
        for slot, fitted in probes.get(place, {}).items():
            rows = [
                row
                for row, prompt in enumerate(prompts)
                if valid[row] and prompt.constituent(slot) is not None
            ]
            labels = [_value(prompts[row], slot) for row in rows]
            if rows:
                own = fitted.probability_of(values[rows], labels)
                for row, value in zip(rows, own, strict=True):
                    probability[row][slot] = float(value)
    return probability


def _states(encoded: EncodedSuite) -> Iterator[tuple[Place, np.ndarray, np.ndarray]]:
    """Each place with its states, and which prompts have readable ones."""
    for each in encoded.features:
        read = [reading in READ for reading in encoded.readings[each.encoder]]
        place = Place.parse(each.encoder, each.layer, each.position)
        yield place, each.values, each.valid & np.array(read)


def _value(prompt: Prompt, slot: str) -> str:
    part = prompt.constituent(slot)
    assert part is not None
    return part.value
