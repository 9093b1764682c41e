"""How a VQA judge reads questions: its processor, its chat template, and its window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prompts.world import vocabulary
from t2i_audit.errors import JudgeError
from t2i_audit.judges.questions import questions_of
from t2i_audit.judges.scope import Scope
from t2i_audit.judges.vqa_spec import VqaSpec, fetch
from t2i_audit.judges.vqa_wording import in_both_orders
from t2i_audit.pipelines.workarounds import quiet_libraries
from t2i_audit.settings import DEFAULT_CLIP

if TYPE_CHECKING:
    from prompts.structure import Prompt

ANSWERS = ("yes", "no")
UNKNOWN = "the prompt contains a word that the built-in judge has never seen"
SIDE = 512  # pixels of the image by which a text's place in the window is found
# How tokenizers write the space before a word.
SPACES = " \u2581\u0120"


@dataclass(frozen=True, eq=False)
class VqaText:
    """The text side of a VQA judge, without its weights."""

    spec: VqaSpec
    folder: Path
    """Where its files lie."""
    processor: Any = field(repr=False)
    window: int | None
    """How many tokens it reads, the image's among them; None if it states none."""
    answers: Mapping[str, tuple[int, ...]] = field(repr=False)
    """The tokens that are a form of yes, and of no: ``Yes``, `` yes``, ..."""

    @classmethod
    def load(cls, spec: VqaSpec, *, folder: Path | None = None) -> VqaText:
        """Load the processor of `spec`; of a model on the hub its weights are not fetched.

        Args:
            spec: the model.
            folder: where its files lie, if that is known already.

        Raises:
            JudgeError: it cannot be loaded, reads no images, or has no token for yes or no.
        """
        from transformers import AutoConfig, AutoProcessor

        folder = fetch(spec, weights=False) if folder is None else folder
        try:
            with quiet_libraries():
                config = AutoConfig.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
                processor = AutoProcessor.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
        except Exception as error:  # transformers raises whatever its loaders raise
            raise spec.failure("processor", error) from error
        missing = [
            part for part in ("tokenizer", "image_processor") if not hasattr(processor, part)
        ]
        if missing:
            raise spec.failure("processor", ValueError(f"it has no {missing[0]}"))
        answers = {word: _forms_of(word, processor.tokenizer) for word in ANSWERS}
        for word, tokens in answers.items():
            if not tokens:
                raise JudgeError(
                    f"judge {spec.given!r} cannot answer: its tokenizer has no token for {word!r}; "
                    "give another model"
                )
        return cls(spec, folder, processor, _window(config), answers)

    @property
    def name(self) -> str:
        """The judge's name in results."""
        return self.spec.name

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        if self.spec.is_builtin:
            return f"it knows only the rendered world; use --judge {DEFAULT_CLIP}"
        return "choose a judge with a larger window"

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` it can judge.

        Raises:
            JudgeError: the processor fails on a question.
        """
        known = frozenset(vocabulary()) if self.spec.is_builtin else None
        around = self._length_around() if self.window is not None else 0
        reasons = ((prompt.id, self._reason(prompt, known, around)) for prompt in prompts)
        return Scope({prompt_id: reason for prompt_id, reason in reasons if reason})

    def _reason(self, prompt: Prompt, known: frozenset[str] | None, around: int) -> str:
        """Why `prompt` cannot be judged; empty if it can."""
        # Its tokenizer ignores case.
        if known is not None and not set(prompt.text.lower().split()) <= known:
            return UNKNOWN
        if self.window is None:
            return ""
        longest = max((question.text for question in questions_of(prompt)), key=len)
        if around + self._length(longest) > self.window:
            return (
                f"its question and the image take more than the {self.window} tokens that it reads"
            )
        return ""

    def _length(self, text: str) -> int:
        try:
            return len(self.processor.tokenizer(text, add_special_tokens=False)["input_ids"])
        except Exception as error:  # tokenizers written in other languages raise errors of any type
            raise self.spec.failure("tokenizer", error) from error

    def _length_around(self) -> int:
        """How many tokens the image, the template and the instruction take."""
        blank = np.zeros((SIDE, SIDE, 3), np.uint8)
        texts = list(in_both_orders(""))
        return max(self.inputs([blank] * len(texts), texts)["attention_mask"].sum(dim=1).tolist())

    def inputs(self, images: Sequence[np.ndarray], texts: Sequence[str]) -> Any:
        """What the model takes for each ``uint8`` image ``(height, width, 3)`` and its text.

        Shorter texts are padded on the left, so that the answer follows the last token of all.

        Raises:
            JudgeError: the processor fails.
        """
        from PIL import Image

        shown = [Image.fromarray(image) for image in images]
        padding = {"padding": True, "padding_side": "left", "return_tensors": "pt"}
        try:
            with quiet_libraries():
                if getattr(self.processor, "chat_template", None):
                    return self.processor.apply_chat_template(
                        [_conversation(*each) for each in zip(shown, texts, strict=True)],
                        add_generation_prompt=True,
                        tokenize=True,
                        return_dict=True,
                        processor_kwargs=padding,
                    )
                plain = [self._plain(text) for text in texts]
                return self.processor(images=[[each] for each in shown], text=plain, **padding)
        except Exception as error:  # processors raise errors of many types
            raise self.spec.failure("processor", error) from error

    def _plain(self, text: str) -> str:
        """The text for a model without a chat template."""
        token = getattr(self.processor, "image_token", "")
        return f"{token}\nQuestion: {text} Answer:"

    @property
    def template(self) -> str:
        """What stands around a question, as it enters the fingerprint."""
        template = getattr(self.processor, "chat_template", None)
        return str(template) if template else self._plain("{question}")


def _conversation(image: Any, text: str) -> list[dict[str, Any]]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def _forms_of(word: str, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that are `word` in any case, with or without a space before it."""
    likely = [
        number
        for token, number in tokenizer.get_vocab().items()
        if token.strip(SPACES).casefold() == word
    ]
    return tuple(
        sorted(each for each in likely if tokenizer.decode([each]).strip().casefold() == word)
    )


def _window(config: Any) -> int | None:
    """The positions of the language model; None if its configuration states none."""
    found = getattr(config.get_text_config(), "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else None
