"""The CLIP judge: a forced choice between the true caption and its minimal foils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement, unjudged
from t2i_audit.judges.clip_identity import fingerprint_of
from t2i_audit.judges.clip_spec import CONFIG, LOCAL, WEIGHTS, ClipSpec, parse_clip
from t2i_audit.judges.clip_text import ClipText, texts_of
from t2i_audit.judges.scope import TIE, Scope
from t2i_audit.models.out_of_memory import is_out_of_memory
from t2i_audit.pipelines.workarounds import quiet_libraries

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

CAPTIONS = 64  # encoded at once
# A cosine difference up to this counts as rounding. The embeddings of a text in batches of
# different sizes are up to 5e-7 apart (float32, ViT-B-32, CPU), and a margin is a difference of
# two of them; a change of one word changes it by 1e-3 and more.
ROUNDING = 5e-6


@dataclass(frozen=True, eq=False)
class ClipJudge:
    """An image is correct if the prompt is more similar to it than every foil is."""

    text: ClipText
    fingerprint: Mapping[str, str]
    model: Any = field(repr=False)
    preprocess: Any = field(repr=False)
    device: str
    _order: dict[str, int] = field(default_factory=dict, repr=False)
    _captions: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def from_spec(cls, spec: str, *, device: str) -> ClipJudge:
        """Load ``clip`` (the built-in judge), ``clip:local-dir:PATH`` or ``clip:MODEL/TAG``.

        Raises:
            JudgeError: open_clip cannot load it, or it cannot judge an image.
        """
        chosen = parse_clip(spec)
        text = ClipText.load(chosen)
        try:
            model, preprocess = load_clip(chosen, device)
        except JudgeError:
            raise
        except Exception as error:  # open_clip raises whatever its loaders raise
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            raise chosen.failure("model", error) from error
        judge = cls(text, fingerprint_of(text, model), model, preprocess, device)
        judge._require_sound()
        return judge

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.text.name

    @property
    def window(self) -> int:
        """How many tokens of a text it reads, begin and end tokens included."""
        return self.text.window

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        return self.text.advice

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` it can distinguish from all of their foils.

        Raises:
            JudgeError: the tokenizer fails on a text, or does not belong to the weights.
        """
        scope = self.text.scope(prompts)
        own = [prompt for prompt in prompts if prompt.id not in scope.unjudgeable]
        self._line_up([text for prompt in own for text in texts_of(prompt)])
        return scope

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``; the margin is a cosine difference.

        Raises:
            JudgeError: a prompt has no foils.
        """
        judged = []
        for prompt, scores in zip(prompts, self.similarities(images, prompts), strict=True):
            if not np.isfinite(scores).all():
                judged.append(unjudged("similarity is not finite"))
                continue
            margin = float(scores[0] - scores[1:].max())
            chosen = texts_of(prompt)[int(scores.argmax())]
            if abs(margin) <= ROUNDING:
                judged.append(Judgement(None, margin, chosen, True, flaw=TIE))
            else:
                judged.append(Judgement(margin > 0, margin, chosen, True))
        return judged

    def similarities(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[np.ndarray]:
        """Cosine similarity of each image to its caption and then to each foil, ``(1 + f,)``."""
        import torch
        from PIL import Image

        without = [prompt.text for prompt in prompts if not prompt.foils]
        if without:
            raise JudgeError(f"judge {self.name!r} has no foils to choose from for {without[0]!r}")
        self._encode_texts([text for prompt in prompts for text in texts_of(prompt)])
        pixels = torch.stack([self.preprocess(Image.fromarray(image)) for image in images])
        with torch.no_grad():
            vectors = self.model.encode_image(pixels.to(self.device), normalize=True)
        # In double precision, so that equal captions are equally similar: kernels for single
        # precision may round the rows of a matrix differently.
        return [
            (torch.stack([self._captions[text] for text in texts_of(prompt)]) @ vector).numpy()
            for vector, prompt in zip(vectors.double().cpu(), prompts, strict=True)
        ]

    def _line_up(self, texts: Sequence[str]) -> None:
        """Give each new text its place in the order in which texts are encoded together."""
        rows = self.text.read(texts)
        known = _vocabulary_size(self.model)
        largest = max((int(rows[text][0].max()) for text in texts), default=0)
        if known is not None and largest >= known:
            raise JudgeError(
                f"judge {self.text.spec.given!r} cannot read the prompts: its tokenizer gives "
                f"token {largest}, and its weights know {known} tokens; give it the tokenizer of "
                "its weights"
            )
        for text in texts:
            self._order.setdefault(text, len(self._order))

    def _encode_texts(self, texts: Sequence[str]) -> None:
        """Encode the texts that are not encoded yet; a suite's texts recur for every seed.

        A text is always encoded together with its neighbours in the suite, whichever is needed
        first. The other texts of a batch change an embedding by rounding, so without this rule a
        resumed audit or one of several processes would not end with the same bytes.
        """
        import torch

        self._line_up(texts)
        wanted = {self._order[text] // CAPTIONS for text in texts if text not in self._captions}
        if not wanted:
            return
        line = list(self._order)
        for number in sorted(wanted):
            group = line[number * CAPTIONS : (number + 1) * CAPTIONS]
            part = [text for text in group if text not in self._captions]
            rows = self.text.read(part)
            tokens = torch.stack([rows[text][0] for text in part]).long()
            with torch.no_grad():
                encoded = self.model.encode_text(tokens.to(self.device), normalize=True)
            self._captions.update(zip(part, encoded.double().cpu(), strict=True))

    def _require_sound(self) -> None:
        """Try the judge on an image, so that an unusable judge is refused before any image is made.

        Raises:
            JudgeError: it cannot judge an image, or its weights are not finite.
        """
        import torch
        from PIL import Image

        try:
            # With a cache of its own, so that the trial leaves nothing behind.
            tokens = replace(self.text, _read={}).read(["a"])["a"][0][None].long()
            shades = np.arange(64 * 64 * 3, dtype=np.int64).reshape(64, 64, 3) % 251
            pixels = self.preprocess(Image.fromarray(shades.astype(np.uint8)))[None]
            with torch.no_grad():
                caption = self.model.encode_text(tokens.to(self.device), normalize=True)
                image = self.model.encode_image(pixels.to(self.device), normalize=True)
            similarity = (caption @ image.T).float()
        except JudgeError:
            raise
        except Exception as error:  # e.g. a configuration that does not fit the weights
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            raise self.text.spec.failure("model", error) from error
        if not similarity.isfinite().all():
            raise JudgeError(
                f"judge {self.text.spec.given!r} cannot judge: the similarity of a text and an "
                "image is not finite; its weights are damaged, so give others"
            )


def load_clip(spec: ClipSpec, device: str) -> tuple[Any, Any]:
    """The model and its image preprocessing, as open_clip creates them."""
    import open_clip

    if spec.folder is None:
        _require_safe_weights(spec)
    # open_clip only warns if the architecture's name does not state the activation with which its
    # weights were trained, as for ViT-L-14/openai.
    weights = open_clip.get_pretrained_cfg(spec.model, spec.tag) if spec.tag else {}
    with quiet_libraries():
        model, _, preprocess = open_clip.create_model_and_transforms(
            spec.model,
            pretrained=spec.tag or None,
            device=device,
            force_quick_gelu=bool(weights.get("quick_gelu")),
        )
    return model.eval(), preprocess


def _require_safe_weights(spec: ClipSpec) -> None:
    """Fetch the weights of a model on open_clip's list as safetensors, if they are not cached.

    open_clip prefers them, but reads a pickle if there are none.

    Raises:
        JudgeError: there are none.
        OSError: they are not in the local cache, and the hub cannot be reached.
    """
    import open_clip
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    place = str(open_clip.get_pretrained_cfg(spec.model, spec.tag).get("hf_hub", ""))
    repository, _, file = place.rpartition("/")
    safe = f"{Path(file).stem}.safetensors" if file else WEIGHTS
    try:
        if try_to_load_from_cache(repository, safe) is _CACHED_NO_EXIST:
            raise EntryNotFoundError
        hf_hub_download(repository, safe)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError as error:
        raise JudgeError(
            f"judge {spec.given!r} is not read: its weights exist only as a pickle, which can "
            "run code when it is read; where you trust them, load them with open_clip, save them "
            f"with safetensors as {WEIGHTS} beside {CONFIG}, and give clip:{LOCAL}FOLDER"
        ) from error


def _vocabulary_size(model: Any) -> int | None:
    """Size of the text tower's vocabulary; None if it cannot be found."""
    text = getattr(model, "text", model)
    embedding = getattr(text, "token_embedding", None)
    if embedding is None and hasattr(text, "transformer"):
        embedding = getattr(text.transformer, "get_input_embeddings", lambda: None)()
    return getattr(embedding, "num_embeddings", None)
