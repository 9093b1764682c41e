"""The text encoders: every prompt is encoded and every slot decoded, beside its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from prompts.structure import Prompt
from t2i_audit.activations.random_weights import draw_seeds, random_text_encoders
from t2i_audit.activations.readable import feature_blocks
from t2i_audit.activations.text.encode import EncodedSuite, encode_suite
from t2i_audit.activations.text.positions import not_given
from t2i_audit.activations.text.windows import Cut
from t2i_audit.errors import ModelError
from t2i_audit.generation.memory import largest_batch, with_room
from t2i_audit.generation.nonfinite import states_error
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.probes.decoded import NOTHING, StationProbes
from t2i_audit.probes.station import probe_station
from t2i_audit.results.decoding import TEXT_ENCODER
from t2i_audit.run.directory import RunDirectory
from t2i_audit.run.features import Features
from t2i_audit.stages.encoded import keep_encoded, kept_encoded
from t2i_audit.stages.readings import Readings

FOLDER = Path("activations")
TRIED = 32  # prompts at once, where the first ones are not encoded unchanged


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A suite that is encoded and not yet probed."""

    prompts: tuple[Prompt, ...]
    """The whole suite."""
    readings: Readings
    own: EncodedSuite
    """By the checkpoint."""
    others: tuple[EncodedSuite, ...]
    """By each draw of random weights."""
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TextSide:
    """What the text encoders hold of a suite."""

    prompts: tuple[Prompt, ...]
    """The prompts whose words were found; the probes use these."""
    readings: Readings
    """Of the whole suite."""
    rows: list[dict[str, Any]]
    """Rows of the table ``prompts``, for the whole suite."""
    probes: StationProbes
    """Of `prompts`."""
    notes: tuple[str, ...]

    @property
    def located(self) -> list[int]:
        """The rows of `prompts` in the suite."""
        return np.flatnonzero(self.readings.located).tolist()


def read_text(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    batch_size: int,
    seed: int,
    draws: int,
    drawn: bool,
) -> TextSide:
    """As `encode_text`, and probed."""
    encoded = encode_text(
        run, loaded, prompts, batch_size=batch_size, seed=seed, draws=draws, drawn=drawn
    )
    return probe_text(run, encoded, seed=seed)


def encode_text(
    run: RunDirectory,
    loaded: LoadedModel,
    prompts: Sequence[Prompt],
    *,
    batch_size: int,
    seed: int,
    draws: int,
    drawn: bool,
) -> EncodedText:
    """Encode `prompts` with the checkpoint and with `draws` draws of random weights.

    An encoding that an earlier process has finished is taken as it is. `drawn` says whether images
    of the prompts are made, for the notes.
    """
    folder = run.path / FOLDER
    with run.stage("encode", (1 + draws) * len(prompts)) as advance:

        def encode(model: LoadedModel, name: str, known: Cut | None = None) -> EncodedSuite:
            attempt = partial(
                encode_suite,
                model,
                prompts,
                batch_size=batch_size,
                folder=folder / name,
                known=known,
            )
            made = with_room(model, partial(attempt, on_batch=advance), size=batch_size)
            keep_encoded(run.path, folder / name, made)
            return made

        def kept(name: str) -> EncodedSuite | None:
            there = kept_encoded(run.path, folder / name, len(prompts))
            if there is not None:
                advance(len(prompts))
            return there

        own = kept(TEXT_ENCODER) or encode(loaded, TEXT_ENCODER)
        others = []
        for number, own_seed in enumerate(draw_seeds(seed, draws)):
            name = f"random_weights_{number + 1}"
            other = kept(name)
            if other is None:
                with random_text_encoders(loaded, seed=own_seed) as random_model:
                    other = encode(random_model, name, own.cut)
            others.append(other)
    readings = Readings.of([own])
    notes = readings.notes(prompts, drawn=drawn)
    broken = np.any(
        [np.array(each) == "not_finite" for other in others for each in other.readings.values()],
        axis=0,
    )
    if broken.any():
        notes += (
            f"With random weights the states of {int(broken.sum())} of {len(prompts)} prompts are "
            "NaN or infinite and are left out of that control.",
        )
    return EncodedText(tuple(prompts), readings, own, tuple(others), notes)


def probe_text(run: RunDirectory, encoded: EncodedText, *, seed: int) -> TextSide:
    """Probe every text encoder at the prompts whose words were found."""
    prompts, readings, own = encoded.prompts, encoded.readings, encoded.own
    rows = np.flatnonzero(readings.located).tolist()
    kept = tuple(prompts[row] for row in rows)
    probes = probe(
        run,
        TEXT_ENCODER,
        kept,
        own.features,
        rows,
        seed=seed,
        random_weights=[other.features for other in encoded.others],
        held=readings.held,
        random_held=[other.held for other in encoded.others],
    )
    return TextSide(kept, readings, _prompt_rows(prompts, own), probes, encoded.notes)


def unread(prompts: Sequence[Prompt]) -> TextSide:
    """`prompts` that no text encoder reads, as nothing is known of the checkpoint."""
    nothing: dict[str, Any] = {"tokens": None, "truncated": None, "reading": {}}
    rows = [_prompt_row(prompt) | nothing for prompt in prompts]
    return TextSide((), Readings({}, {}, {}), rows, NOTHING, ())


def check_text(loaded: LoadedModel, prompts: Sequence[Prompt]) -> Prompt | None:
    """The first of `prompts` whose words are all found in what a text encoder reads.

    Returns:
        None if there is none because all are cut off or changed.

    Raises:
        ModelError: there is none because the prompts are not encoded as they are, the encoders'
            states are NaN or infinite, or nothing of the encoders can be read.
    """
    parts: list[EncodedSuite] = []
    done = 0
    while done < len(prompts):
        batch = prompts[done : done + (TRIED if done else 1)]
        try:
            part = with_room(loaded, partial(encode_suite, loaded, batch), size=len(batch))
        except OverflowError as error:
            raise ModelError(
                f"a tokenizer of {loaded.name!r} states no length that texts could be padded to; "
                "give its tokenizer_config.json a model_max_length"
            ) from error
        if not part.features and any(prompt.constituents for prompt in batch):
            raise ModelError(f"the text encoder of {loaded.name!r} yields nothing that can be read")
        located = np.logical_or.reduce(list(part.held.values()))
        if located.any():
            return batch[int(np.argmax(located))]
        parts.append(EncodedSuite((), part.tokens))
        done += len(batch)
    every = Readings.of(parts).by_encoder
    for name, readings in every.items():
        if "not_finite" in readings:
            raise states_error(loaded, name)
    if any(each in ("cut_off", "changed") for readings in every.values() for each in readings):
        return None
    name = next(iter(every))
    raise ModelError(
        f"{name} of {loaded.name!r} does not encode the prompts as they are, so their words "
        f"cannot be found in it: {not_given(prompts[0])}"
    )


def fitting_encoding(loaded: LoadedModel, prompts: Sequence[Prompt], start: int) -> int:
    """The largest of `start`, `start` / 2, ... prompts that can be encoded at once.

    Raises:
        ModelError: there is not enough memory for a single prompt.
    """
    longest = sorted(prompts, key=lambda prompt: len(prompt.text), reverse=True)
    return largest_batch(
        loaded,
        lambda size: encode_suite(loaded, longest[:size], batch_size=size),
        start=min(start, len(prompts)),
    )


def state_bytes(
    loaded: LoadedModel, prompts: Sequence[Prompt], *, draws: int, recorded: int
) -> int:
    """The bytes on the disk of the states that are probed of one prompt, mean over `prompts`.

    Each number takes 2 bytes. What the text encoders hold is kept once for the checkpoint and once
    for each of `draws` draws of random weights; what the denoiser holds is kept once more, in the
    order in which its batches were made.

    Args:
        loaded: the model.
        prompts: one or two that are encoded for this.
        draws: of random weights.
        recorded: numbers that are recorded of the denoiser for a prompt.
    """
    features = with_room(loaded, partial(encode_suite, loaded, prompts), size=len(prompts)).features
    encoded = sum(each.values.shape[1] for each in features)
    return np.dtype(np.float16).itemsize * ((1 + draws) * encoded + (2 + draws) * recorded)


def read_prompts(loaded: LoadedModel, prompts: Sequence[Prompt], batch_size: int) -> Readings:
    """What the text encoders read of each of `prompts`; their states are not kept."""
    parts = []
    for start in range(0, len(prompts), batch_size):
        batch = prompts[start : start + batch_size]
        part = with_room(
            loaded, partial(encode_suite, loaded, batch, batch_size=batch_size), size=batch_size
        )
        parts.append(EncodedSuite((), part.tokens))
    return Readings.of(parts)


def probe(
    run: RunDirectory,
    station: str,
    prompts: tuple[Prompt, ...],
    features: Sequence[Features],
    rows: Sequence[int],
    *,
    seed: int,
    random_weights: Sequence[Sequence[Features]] = (),
    held: Mapping[str, np.ndarray] | None = None,
    random_held: Sequence[Mapping[str, np.ndarray]] = (),
) -> StationProbes:
    """Probe one station as a stage of `run`.

    Args:
        run: the run.
        station: its name.
        prompts: the prompts to probe.
        features: of the station.
        rows: the rows of `features` that belong to the prompts.
        seed: of folds and resamples.
        random_weights: features of the same places, for each draw of random weights.
        held: encoder -> ``(n,)`` rows in which it may be read; other encoders are not probed.
        random_held: the same for each draw, where its states are finite; empty if none is known.
    """
    count = len(features) + sum(map(len, random_weights))
    with run.stage(f"probe {station}", count) as advance:
        if not any(prompt.constituents for prompt in prompts):
            return NOTHING
        blocks = feature_blocks(features, prompts, rows, held=held)
        finite: Sequence[Mapping[str, np.ndarray] | None] = random_held
        if not finite:
            finite = [None for _ in random_weights]
        other = [
            feature_blocks(draw, prompts, rows, held=_both(held, own))
            for draw, own in zip(random_weights, finite, strict=True)
        ]
        return probe_station(prompts, blocks, random_weights=other, seed=seed, on_block=advance)


def _both(
    held: Mapping[str, np.ndarray] | None, random_weights: Mapping[str, np.ndarray] | None
) -> Mapping[str, np.ndarray] | None:
    if held is None or random_weights is None:
        return held
    return {
        name: each & random_weights[name] for name, each in held.items() if name in random_weights
    }


def _prompt_rows(prompts: Sequence[Prompt], encoded: EncodedSuite) -> list[dict[str, Any]]:
    lengths = [
        max(tokens[row].eos + 1 for tokens in encoded.tokens.values())
        for row in range(len(prompts))
    ]
    return [
        _prompt_row(prompt)
        | {
            "tokens": length,
            "truncated": bool(cut),
            "reading": {name: readings[row] for name, readings in encoded.readings.items()},
        }
        for row, (prompt, length, cut) in enumerate(
            zip(prompts, lengths, encoded.truncated, strict=True)
        )
    ]


def _prompt_row(prompt: Prompt) -> dict[str, Any]:
    """The columns of a prompt that do not depend on who reads it."""
    return {
        "prompt_id": prompt.id,
        "text": prompt.text,
        "type": prompt.type,
        "template": prompt.template,
        "split": prompt.split,
        "composition": prompt.composition,
        "constituents": [asdict(part) for part in prompt.constituents],
        "foils": [asdict(foil) for foil in prompt.foils],
        "metadata": prompt.metadata,
    }
