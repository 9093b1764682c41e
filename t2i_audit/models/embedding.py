"""Textual inversions: tokens that a user adds to a checkpoint, each with its own vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.io import sha256_of
from t2i_audit.pipelines.components import encoder_tokenizers
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import SAFE

if TYPE_CHECKING:
    import torch

# Files for several encoders name each encoder by its kind, and name no token.
ENCODERS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
T5 = "t5"
# Placeholders that a file has for the token's name if it was saved without one.
NAMELESS = ("emb_params", "*")
# How vocabularies write a whole word, and the name that diffusers gives to the second of several
# vectors.
KNOWN_AS = ("{}", "{}</w>", "\u2581{}", "\u0120{}", "{}_1")


@dataclass(frozen=True)
class AddedEmbedding:
    """One textual inversion that was added."""

    file: str
    """Name of the file, without its folder."""
    token: str
    """The word by which a prompt refers to it."""
    sha256: str


def add_embeddings(
    pipeline: Any, embeddings: Sequence[tuple[str, str | None]]
) -> tuple[tuple[AddedEmbedding, ...], tuple[str, ...]]:
    """Add each file's vectors to the text encoders, under the file's token or the given one.

    Returns:
        What was added, and notes for the reader of the results.

    Raises:
        ModelError: a file is missing or is no textual inversion in safetensors format, does not fit
            the text encoders, or its token exists already.
    """
    added, notes = [], []
    for path, given in embeddings:
        token, own_notes = _add(pipeline, path, given)
        added.append(AddedEmbedding(Path(path).name, token, sha256_of(Path(path))))
        notes += own_notes
    return tuple(added), tuple(notes)


def unused_notes(
    pipeline: Any,
    embeddings: Iterable[tuple[str, AddedEmbedding]],
    texts: Sequence[str],
) -> list[str]:
    """A sentence for each embedding, given with its path, whose token is in none of `texts`."""
    tokenizers = [tokenizer for _, _, tokenizer in encoder_tokenizers(pipeline)]
    return [
        f"no prompt contains {each.token}, so --embedding {path} changes nothing."
        for path, each in embeddings
        if not any(_contains(own, each.token, text) for own in tokenizers for text in texts)
    ]


def _add(pipeline: Any, path: str, given: str | None) -> tuple[str, list[str]]:
    """Add one file's vectors; returns its token, and notes."""
    kind = type(pipeline).__name__
    if not path.endswith(SAFE) or not Path(path).is_file():
        raise ModelError(f"--embedding {path} should name a {SAFE} file that exists.")
    if not hasattr(pipeline, "load_textual_inversion"):
        raise ModelError(
            f"--embedding {path} cannot be added: {kind} takes no textual inversion; leave it out."
        )
    tensors = _read(path)
    token, targets, notes = _assign(pipeline, path, tensors)
    token = token if given is None else given
    if not token or token.split() != [token]:
        raise ModelError(
            f"--embedding {path}: the token should be one word, not {token!r}; give "
            f"--embedding {path}:TOKEN."
        )
    for encoder, (tokenizer, model, vectors) in targets.items():
        number = encoder.removeprefix("text_encoder")
        # A word that exists would change its meaning in every prompt that contains it.
        if not {form.format(token) for form in KNOWN_AS}.isdisjoint(tokenizer.get_vocab()):
            raise ModelError(
                f"--embedding {path}: the token {token!r} is in the vocabulary of "
                f"tokenizer{number} already; give --embedding {path}:TOKEN with another."
            )
        try:
            with quiet_libraries():
                pipeline.load_textual_inversion(
                    {token: vectors}, token=token, tokenizer=tokenizer, text_encoder=model
                )
        # Vectors that do not fit surface as errors of nearly any type.
        except Exception as error:
            raise ModelError(f"--embedding {path} cannot be added: {first_line(error)}") from error
        if not _contains(tokenizer, token, f"a {token}"):
            raise ModelError(
                f"--embedding {path}: tokenizer{number} does not find the token {token!r} in a "
                f"prompt; give --embedding {path}:TOKEN with another."
            )
    return token, notes


def _read(path: str) -> dict[str, torch.Tensor]:
    """The vectors in a file by name, each ``(n, d)``."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"--embedding {path} cannot be read: {first_line(error)}") from error
    if len(tensors) != 1 and not set(tensors) <= {*ENCODERS, T5}:
        names = sorted(tensors)
        listed = " and ".join(names) if len(names) == 2 else ", ".join(names[:3])
        raise ModelError(
            f"--embedding {path} is no textual inversion: it holds the tensors {listed}, not "
            f"a single tensor or {', '.join(ENCODERS)} and {T5}."
        )
    for name, tensor in tensors.items():
        if tensor.ndim not in (1, 2) or not tensor.is_floating_point() or not tensor.numel():
            raise ModelError(
                f"--embedding {path}: {name} should be a vector or several, not of shape "
                f"{tuple(tensor.shape)}."
            )
        if not torch.isfinite(tensor).all():
            raise ModelError(f"--embedding {path} is damaged: some of its values are not finite.")
    return {name: torch.atleast_2d(tensor) for name, tensor in tensors.items()}


def _assign(
    pipeline: Any, path: str, tensors: Mapping[str, torch.Tensor]
) -> tuple[str, dict[str, tuple[Any, Any, torch.Tensor]], list[str]]:
    """The file's token; by encoder name its tokenizer, network and vectors; and notes.

    The vectors of a file for one encoder go to the first encoder of their width.
    """
    encoders = {name: (tokenizer, model) for name, model, tokenizer in encoder_tokenizers(pipeline)}
    widths = {name: _width(model) for name, (_, model) in encoders.items()}
    name, vectors = next(iter(tensors.items()))
    named = {*ENCODERS, T5}.issuperset(tensors)
    targets, notes = {}, []
    if named:
        places = ENCODERS | {T5: _t5(encoders)}
        for key, each in tensors.items():
            place = places[key]
            if place not in encoders:
                notes.append(
                    f"{key} of --embedding {path} fits nothing in {type(pipeline).__name__}, which "
                    "has no such encoder."
                )
                continue
            _require_width(path, each, {place: widths[place]})
            targets[place] = (*encoders[place], each)
    else:
        fitting = [each for each, width in widths.items() if width == vectors.shape[-1]]
        if not fitting:
            _require_width(path, vectors, widths)
        targets = {each: (*encoders[each], vectors) for each in fitting[:1]}
    if not targets:
        raise ModelError(
            f"--embedding {path} fits nothing in {type(pipeline).__name__}: it is for "
            f"{' and '.join(tensors)}, and the checkpoint has no such encoder."
        )
    notes += [
        f"--embedding {path} has nothing for {each}, which reads the token as any other text."
        for each in encoders
        if each not in targets
    ]
    token = Path(path).stem if named or name in NAMELESS else name
    return token, targets, notes


def _require_width(path: str, vectors: torch.Tensor, widths: Mapping[str, int | None]) -> None:
    if vectors.shape[-1] not in widths.values():
        taken = " and ".join(f"{name} takes {width}" for name, width in widths.items())
        raise ModelError(
            f"--embedding {path} has vectors of {vectors.shape[-1]} numbers, and {taken}; give one "
            "that was made for this text encoder."
        )


def _t5(encoders: Mapping[str, tuple[Any, Any]]) -> str:
    named = (name for name, (_, model) in encoders.items() if "T5" in type(model).__name__)
    return next(named, "")


def _width(model: Any) -> int | None:
    return getattr(model.get_input_embeddings(), "embedding_dim", None)


def _contains(tokenizer: Any, token: str, text: str) -> bool:
    """Whether `token`, which was added to `tokenizer`, is one of the tokens of `text`."""
    if token not in tokenizer.get_added_vocab():
        return False
    ids = tokenizer(text, truncation=False, verbose=False)["input_ids"]
    return tokenizer.convert_tokens_to_ids(token) in ids
