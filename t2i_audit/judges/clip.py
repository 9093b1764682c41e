"""The CLIP judge: a forced choice between the true caption and its rivals.

The rivals are made from the prompt's structure (see `prompts.foils.rivals`): foils, of which none
is true of an image of the prompt, and captions that leave one thing out. The latter are true of
such an image, and yet the prompt must beat them: where a shorter caption is more similar to the
image, what it leaves out is most likely not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement, unjudged
from t2i_audit.judges.clip_identity import fingerprint_of
from t2i_audit.judges.clip_spec import parse_clip
from t2i_audit.judges.clip_text import ClipText, texts_of
from t2i_audit.judges.clip_weights import load_weights, vocabulary_size
from t2i_audit.judges.guessing import Guess
from t2i_audit.judges.scope import TIE, Scope
from t2i_audit.models.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

CAPTIONS = 64  # encoded at once
KEPT = 1024  # groups of so many captions; 200 MB for vectors of 768 numbers
# A cosine difference up to this counts as rounding. The embeddings of a text in batches of
# different sizes are up to 5e-7 apart (float32, ViT-B-32, CPU), and a margin is a difference of
# two of them; a change of one word changes it by 1e-3 and more.
ROUNDING = 5e-6


@dataclass(frozen=True, eq=False)
class ClipJudge:
    """An image is correct if the prompt is more similar to it than every rival is."""

    text: ClipText
    fingerprint: Mapping[str, str]
    model: Any = field(repr=False)
    preprocess: Any = field(repr=False)
    _order: dict[str, int] = field(default_factory=dict, repr=False)
    _captions: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def from_spec(cls, spec: str, *, device: str) -> ClipJudge:
        """Load ``clip`` (the built-in judge), ``clip:local-dir:PATH`` or ``clip:MODEL/TAG``.

        Raises:
            JudgeError: open_clip cannot load it, or it cannot judge an image.
        """
        chosen = parse_clip(spec)
        text = ClipText.load(chosen)
        try:
            model, preprocess = load_weights(chosen, device)
        except JudgeError:
            raise
        except Exception as error:  # open_clip raises whatever its loaders raise
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            raise chosen.failure("model", error) from error
        judge = cls(text, fingerprint_of(text, model), model, preprocess)
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

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    def move_to(self, device: str) -> None:
        """Move its weights to `device`; the captions that it has encoded are on the host."""
        self.model.to(device)

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` it can distinguish from all of their rivals.

        Raises:
            JudgeError: the tokenizer fails on a text, or does not belong to the weights.
        """
        scope = self.text.scope(prompts)
        own = [prompt for prompt in prompts if prompt.id not in scope.unjudgeable]
        self._line_up([text for prompt in own for text in texts_of(prompt)])
        return scope

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``; the margin is a cosine difference.

        The probability is the softmax over the caption and its rivals of their similarities times
        the model's own scale, as in its training (Radford et al. 2021, figure 3): that the image
        belongs to the caption if it belongs to one of these.

        Raises:
            JudgeError: a prompt has no rivals.
        """
        scored = zip(prompts, self.similarities(images, prompts), strict=True)
        return [self._judgement(prompt, scores) for prompt, scores in scored]

    def judge_embedding(self, embedding: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge each prompt by one `embedding` ``(d,)`` instead of by an image.

        Raises:
            JudgeError: a prompt has no rivals.
        """
        unit = embedding / np.linalg.norm(embedding)
        shared = np.broadcast_to(unit, (len(prompts), len(unit)))
        scored = zip(prompts, self._similarities(shared, prompts), strict=True)
        return [self._judgement(prompt, scores) for prompt, scores in scored]

    def guess(self, prompt: Prompt) -> Guess:
        """The chance that a guess among the caption and its rivals is the caption."""
        return Guess(1 / len(texts_of(prompt)))

    def similarities(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[np.ndarray]:
        """Cosine similarity of each image to its caption and then to each rival, ``(1 + r,)``."""
        return self._similarities(self.embed(list(images)), prompts)

    def _judgement(self, prompt: Prompt, scores: np.ndarray) -> Judgement:
        if not np.isfinite(scores).all():
            return unjudged("similarity is not finite")
        margin = float(scores[0] - scores[1:].max())
        chosen = texts_of(prompt)[int(scores.argmax())]
        weights = np.exp(self._scale * (scores - scores.max()))
        probability = float(weights[0] / weights.sum())
        if abs(margin) <= ROUNDING:
            return Judgement(None, margin, chosen, True, flaw=TIE, probability=probability)
        return Judgement(margin > 0, margin, chosen, True, probability=probability)

    @cached_property
    def _scale(self) -> float:
        return float(self.model.logit_scale.detach().double().exp())

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The unit vectors of ``uint8`` images ``(b, height, width, 3)``, ``(b, d)``."""
        import torch
        from PIL import Image

        pixels = torch.stack([self.preprocess(Image.fromarray(image)) for image in images])
        with torch.no_grad():
            vectors = self.model.encode_image(pixels.to(self.device), normalize=True)
        found: np.ndarray = vectors.double().cpu().numpy()
        return found

    def _similarities(self, vectors: np.ndarray, prompts: Sequence[Prompt]) -> list[np.ndarray]:
        """As `similarities`, of unit vectors ``(b, d)``."""
        without = [prompt.text for prompt in prompts if len(texts_of(prompt)) == 1]
        if without:
            raise JudgeError(f"judge {self.name!r} has no foils to choose from for {without[0]!r}")
        captions = self._encode_texts([text for each in prompts for text in texts_of(each)])
        # In double precision, so that equal captions are equally similar: kernels for single
        # precision may round the rows of a matrix differently.
        return [
            np.stack([captions[text] for text in texts_of(prompt)]).astype(np.float64) @ vector
            for vector, prompt in zip(vectors, prompts, strict=True)
        ]

    def _line_up(self, texts: Sequence[str]) -> None:
        """Give each new text its place in the order in which texts are encoded together."""
        rows = self.text.read(texts)
        known = vocabulary_size(self.model)
        largest = max((int(rows[text][0].max()) for text in texts), default=0)
        if known is not None and largest >= known:
            raise JudgeError(
                f"judge {self.text.spec.given!r} cannot read the prompts: its tokenizer gives "
                f"token {largest}, and its weights know {known} tokens; give it the tokenizer of "
                "its weights"
            )
        for text in texts:
            self._order.setdefault(text, len(self._order))

    def _encode_texts(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The unit vector ``(d,)`` of each text; a suite's texts recur for every seed.

        A text is always encoded together with its neighbours in the suite, whichever is needed
        first. The other texts of a batch change an embedding by rounding, so without this rule a
        resumed audit or one of several processes would not end with the same bytes.
        """
        self._line_up(texts)
        line = list(self._order)
        wanted = {self._order[text] // CAPTIONS for text in texts}
        found: dict[str, np.ndarray] = {}
        for number in sorted(wanted):
            group = line[number * CAPTIONS : (number + 1) * CAPTIONS]
            found.update(zip(group, self._encode_group(number, group), strict=True))
        return found

    def _encode_group(self, number: int, group: Sequence[str]) -> np.ndarray:
        """The vectors ``(n, d)`` of a group of texts, whose last ones may be new."""
        import torch

        known = self._captions.pop(number, None)
        part = group[0 if known is None else len(known) :]
        if part:
            rows = self.text.read(part)
            tokens = torch.stack([rows[text][0] for text in part]).long()
            with torch.no_grad():
                new = self.model.encode_text(tokens.to(self.device), normalize=True)
            more = new.float().cpu().numpy()
            known = more if known is None else np.concatenate([known, more])
        assert known is not None
        self._captions[number] = known  # the last one used stands last
        while len(self._captions) > KEPT:
            del self._captions[next(iter(self._captions))]
        return known

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
