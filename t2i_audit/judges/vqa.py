"""The VQA judge: an image-text-to-text model is asked a question for each constituent.

It answers with the probability of yes against no at the first token of its answer, over all tokens
that are a form of either. Every question is asked with both orders of the two answers and the
log-odds are averaged: a bias towards the answer that is named first or last cancels, without labels
to calibrate on. A bias towards yes itself remains; ``t2i-audit calibrate`` measures it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.guessing import Guess, guess_at_questions
from t2i_audit.judges.questions import questions_of
from t2i_audit.judges.scope import Scope
from t2i_audit.judges.vqa_identity import fingerprint_of
from t2i_audit.judges.vqa_spec import fetch, parse_vqa
from t2i_audit.judges.vqa_text import VqaText
from t2i_audit.judges.vqa_verdict import LEAST_MASS, Answer, judgement_of
from t2i_audit.judges.vqa_wording import in_both_orders
from t2i_audit.models.out_of_memory import is_out_of_memory, out_of_memory_error, runs_short
from t2i_audit.pipelines.workarounds import quiet_libraries

if TYPE_CHECKING:
    from prompts.structure import Prompt

AT_ONCE = 64  # questions that are answered together, where memory suffices
TRIAL = "Is there a red circle?"


@dataclass(frozen=True, eq=False)
class VqaJudge:
    """An image is correct if the model answers yes to the question of every constituent."""

    text: VqaText
    fingerprint: Mapping[str, str]
    model: Any = field(repr=False)
    at_once: int = AT_ONCE
    """Questions that are answered together, where memory suffices."""

    @classmethod
    def from_spec(cls, spec: str, *, device: str) -> VqaJudge:
        """Load ``vqa`` (the built-in judge), a model of the hub or one in a folder.

        Raises:
            JudgeError: transformers cannot load it, it is no image-text-to-text model, or it
                answers neither yes nor no.
        """
        chosen = parse_vqa(spec)
        folder = fetch(chosen, weights=True)
        text = VqaText.load(chosen, folder=folder)
        model = _load_model(text, device)
        judge = cls(text, fingerprint_of(text, model), model)
        judge._require_sound()
        return judge

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.text.name

    @property
    def window(self) -> int | None:
        """How many tokens it reads, the image's among them."""
        return self.text.window

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        return self.text.advice

    def move_to(self, device: str) -> None:
        """Move the weights to `device`."""
        self.model.to(device)

    def guess(self, prompt: Prompt) -> Guess:
        """What yes or no by chance to every question would give."""
        return guess_at_questions(questions_of(prompt))

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` it can judge.

        Raises:
            JudgeError: the processor fails on a question.
        """
        return self.text.scope(prompts)

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``; the margin is in log-odds.

        Raises:
            ModelError: there is not enough memory for a single question.
        """
        asked = [[question.text for question in questions_of(prompt)] for prompt in prompts]
        # Several slots may have one question.
        pairs = list(dict.fromkeys((row, q) for row, own in enumerate(asked) for q in own))
        answers = dict(zip(pairs, self.answers(images, pairs), strict=True))
        return [
            judgement_of(prompt, [answers[row, question] for question in own])
            for row, (prompt, own) in enumerate(zip(prompts, asked, strict=True))
        ]

    def answers(self, images: np.ndarray, asked: Sequence[tuple[int, str]]) -> list[Answer]:
        """The answers to questions, each on the image of the row that stands before it."""
        single = [(row, text) for row, question in asked for text in in_both_orders(question)]
        # Texts of one length stand together, which saves padding.
        order = sorted(range(len(single)), key=lambda index: len(single[index][1]))
        found = np.empty((len(single), 2))
        for start in range(0, len(order), self.at_once):
            part = order[start : start + self.at_once]
            found[part] = self._log_probabilities(images, [single[index] for index in part])
        return [_combined(both) for both in found.reshape(len(asked), -1, 2)]

    def _log_probabilities(
        self, images: np.ndarray, asked: Sequence[tuple[int, str]]
    ) -> np.ndarray:
        """Of yes and of no, ``(n, 2)``, in halves where memory runs short."""
        found: list[np.ndarray] = []
        if not runs_short(lambda: found.append(self._run(images, asked))):
            return found[0]
        if len(asked) == 1:
            raise out_of_memory_error(1)
        half = len(asked) // 2
        parts = (asked[:half], asked[half:])
        return np.concatenate([self._log_probabilities(images, part) for part in parts])

    def _run(self, images: np.ndarray, asked: Sequence[tuple[int, str]]) -> np.ndarray:
        import torch

        inputs = self.text.inputs([images[row] for row, _ in asked], [text for _, text in asked])
        inputs = inputs.to(self.model.device, self.model.dtype)
        with torch.no_grad():
            logits = self.model(**inputs, **self._last_only, use_cache=False).logits[:, -1]
        logs = logits.double().log_softmax(dim=-1)
        forms = [list(tokens) for tokens in self.text.answers.values()]
        return torch.stack([logs[:, own].logsumexp(dim=-1) for own in forms], dim=-1).cpu().numpy()

    @cached_property
    def _last_only(self) -> dict[str, int]:
        """Only the last token's logits, of models that can leave the others out."""
        accepted = inspect.signature(self.model.forward).parameters
        return {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    def _require_sound(self) -> None:
        """Try the judge on an image, so that an unusable judge is refused before any image is made.

        Raises:
            JudgeError: it cannot answer, or answers neither yes nor no.
        """
        shades = np.arange(64 * 64 * 3, dtype=np.int64).reshape(1, 64, 64, 3) % 251
        try:
            (answer,) = self.answers(shades.astype(np.uint8), [(0, TRIAL)])
        except JudgeError:
            raise
        except Exception as error:  # e.g. a configuration that does not fit the weights
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            raise self.text.spec.failure("model", error) from error
        if not np.isfinite(answer.log_odds):
            raise JudgeError(
                f"judge {self.text.spec.given!r} cannot judge: its answer is not finite; its "
                "weights are damaged, so give others"
            )
        if not answer.is_given:
            raise JudgeError(
                f"judge {self.text.spec.given!r} cannot judge: asked for yes or no, it puts only "
                f"{answer.mass:.2g} of the probability on either ({LEAST_MASS} is needed); give a "
                "model that follows instructions"
            )


def _combined(both: np.ndarray) -> Answer:
    """One answer from the log-probabilities ``(2, 2)`` of yes and no in both orders."""
    log_odds = both[:, 0] - both[:, 1]
    return Answer(float(log_odds.mean()), float(np.exp(both).sum(axis=1).mean()))


def _load_model(text: VqaText, device: str) -> Any:
    """The model with all of its weights, in evaluation mode.

    On a CPU in single precision, where half precision is slow; elsewhere as it was saved.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    spec = text.spec
    try:
        with quiet_libraries():
            model, loaded = AutoModelForImageTextToText.from_pretrained(
                text.folder,
                dtype=torch.float32 if device == "cpu" else "auto",
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
            # transformers gives random values to what is missing, and only warns.
            if loaded["missing_keys"]:
                missing = sorted(loaded["missing_keys"])
                raise ValueError(f"its weights lack {len(missing)} tensors, e.g. {missing[0]}")
            return model.to(device).eval()
    except Exception as error:  # transformers raises whatever its loaders raise
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise
        raise spec.failure("model", error) from error
