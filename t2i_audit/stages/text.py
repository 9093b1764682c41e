"""The text side: every prompt encoded, every slot decoded, beside its controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prompts.structure import Prompt
from t2i_audit.activations.encoder import EncodedSuite, encode_suite
from t2i_audit.activations.reading import feature_blocks
from t2i_audit.activations.store import Features
from t2i_audit.activations.twin import random_twin
from t2i_audit.errors import SuiteError
from t2i_audit.generation.memory import largest_batch, with_room
from t2i_audit.models.load import LoadedModel
from t2i_audit.probes.station import PlaceReading, StationProbes, probe_station
from t2i_audit.run.directory import RunDirectory

FOLDER = Path("activations")


@dataclass(frozen=True, eq=False)
class TextSide:
    """What the text encoders make of a suite."""

    prompts: tuple[Prompt, ...]
    """Those that every encoder reads to the end; all later stages rest on these."""
    rows: list[dict[str, Any]]
    """Of the table ``prompts``, truncated prompts included."""
    probes: StationProbes


def read_text(
    run: RunDirectory, loaded: LoadedModel, prompts: Sequence[Prompt], *, batch_size: int, seed: int
) -> TextSide:
    """Encode `prompts` with the checkpoint and with its twin of random weights, and probe both.

    Raises `SuiteError` when no prompt fits the encoders.
    """
    folder = run.path / FOLDER
    with run.stage("encode", 2 * len(prompts)) as advance:

        def encode(model: LoadedModel, name: str) -> EncodedSuite:
            attempt = partial(
                encode_suite, model, prompts, batch_size=batch_size, folder=folder / name
            )
            return with_room(model, partial(attempt, on_batch=advance), size=batch_size)

        own = encode(loaded, "text_encoder")
        with random_twin(loaded, seed=seed) as twin:
            other = encode(twin, "random_weights")
    whole = [row for row, cut in enumerate(own.truncated) if not cut]
    if not whole:
        raise SuiteError(
            f"all {len(prompts)} prompts are longer than the text encoder reads; shorten them"
        )
    kept = tuple(prompts[row] for row in whole)
    probes = probe(run, "text_encoder", kept, own.features, whole, seed=seed, twin=other.features)
    return TextSide(kept, _prompt_rows(prompts, own), probes)


def fitting_encoding(loaded: LoadedModel, prompts: Sequence[Prompt], start: int) -> int:
    """The largest number of prompts that can be encoded at once, from `start` down by halves.

    Raises:
        ModelError: memory is too short for a single one.
    """
    longest = sorted(prompts, key=lambda prompt: len(prompt.text), reverse=True)
    return largest_batch(
        loaded,
        lambda size: encode_suite(loaded, longest[:size], batch_size=size),
        start=min(start, len(prompts)),
    )


def prompts_that_fit(
    loaded: LoadedModel, prompts: Sequence[Prompt], batch_size: int
) -> tuple[Prompt, ...]:
    """Those of `prompts` that every encoder reads to the end; nothing else is kept of them."""
    kept: list[Prompt] = []
    for start in range(0, len(prompts), batch_size):
        batch = prompts[start : start + batch_size]
        encoded = with_room(
            loaded, partial(encode_suite, loaded, batch, batch_size=batch_size), size=batch_size
        )
        cut = encoded.truncated
        kept += [prompt for prompt, is_cut in zip(batch, cut, strict=True) if not is_cut]
    return tuple(kept)


def probe(
    run: RunDirectory,
    station: str,
    prompts: tuple[Prompt, ...],
    features: Sequence[Features],
    rows: Sequence[int],
    *,
    seed: int,
    twin: Sequence[Features] = (),
) -> StationProbes:
    """Probe one station as a stage of `run`; `rows` are those of `features` to read."""
    with run.stage(f"probe {station}", len(features) + len(twin)) as advance:
        return probe_station(
            prompts,
            feature_blocks(features, prompts, rows),
            twin=feature_blocks(twin, prompts, rows),
            seed=seed,
            on_block=advance,
        )


def _prompt_rows(prompts: Sequence[Prompt], encoded: EncodedSuite) -> list[dict[str, Any]]:
    lengths = [
        max(tokens[row].eos + 1 for tokens in encoded.tokens.values())
        for row in range(len(prompts))
    ]
    return [
        {
            "prompt_id": prompt.id,
            "text": prompt.text,
            "type": prompt.type,
            "template": prompt.template,
            "split": prompt.split,
            "composition": prompt.composition,
            "constituents": [asdict(part) for part in prompt.constituents],
            "foils": [asdict(foil) for foil in prompt.foils],
            "metadata": prompt.metadata,
            "tokens": length,
            "truncated": bool(cut),
        }
        for prompt, length, cut in zip(prompts, lengths, encoded.truncated, strict=True)
    ]


def probe_rows(station: str, probes: StationProbes) -> list[dict[str, Any]]:
    """Rows of the table ``probes``: one for each place and slot, beside its controls."""
    twins = {_place(each): each.balanced_accuracy.estimate for each in probes.random_places}
    nothing = float("nan")
    rows = []
    for each in probes.places:
        slot = probes.slots.get(each.slot)
        rows.append(
            {
                "station": station,
                "encoder": each.encoder,
                "layer": each.layer,
                "position": each.position,
                "slot": each.slot,
                "n": each.balanced_accuracy.n,
                "masked": each.masked,
                "n_classes": round(1 / each.chance),
                "chance": each.chance,
                "r2": each.r2,
                "balanced_accuracy": each.balanced_accuracy.estimate,
                "balanced_accuracy_lower": each.balanced_accuracy.lower,
                "balanced_accuracy_upper": each.balanced_accuracy.upper,
                "shuffled_balanced_accuracy": each.shuffled_balanced_accuracy,
                "random_weights_balanced_accuracy": twins.get(_place(each), nothing),
                "presence_balanced_accuracy": (
                    slot.presence_balanced_accuracy.estimate if slot else nothing
                ),
            }
        )
    return rows


def _place(each: PlaceReading) -> tuple[str, str, str, str]:
    return each.encoder, each.layer, each.position, each.slot
