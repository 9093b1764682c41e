"""How a CLIP judge reads texts: its tokenizer, and how much of a prompt is in its window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prompts.foils.rivals import MOST, rivals_of
from prompts.world import vocabulary
from t2i_audit.errors import JudgeError
from t2i_audit.judges.clip_spec import ClipSpec, text_config
from t2i_audit.judges.scope import Scope
from t2i_audit.pipelines.workarounds import keep_all_tokens, quiet_libraries
from t2i_audit.settings import DEFAULT_CLIP

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

AT_ONCE = 1024  # texts that are tokenized together
# Tokens: at least begin, one word and end; no text tower reads more than the largest number.
LEAST_WINDOW, LARGEST_WINDOW = 3, 1 << 17

NO_FOILS = "there are no foils to choose from"
UNKNOWN = "the prompt or a foil contains a word that the built-in judge has never seen"
SAME = "a foil is the same text as the prompt to this judge"


@dataclass(frozen=True, eq=False)
class ClipText:
    """The text side of a CLIP judge, without its weights."""

    spec: ClipSpec
    window: int
    """How many tokens of a text it reads, begin and end tokens included."""
    tokenizer: Any = field(repr=False)
    words: frozenset[str] | None = field(repr=False)
    """Its vocabulary if that is closed, else None: a verdict on any other word means nothing."""
    _read: dict[str, tuple[torch.Tensor, bool]] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, spec: ClipSpec) -> ClipText:
        """Load the tokenizer of `spec`; nothing else of a model on the hub is fetched.

        Raises:
            JudgeError: it cannot be loaded, or the model states no window.
        """
        import open_clip

        try:
            config = text_config(spec)
        except (OSError, ValueError, RecursionError) as error:
            raise spec.failure("configuration", error) from error
        try:
            own = {"trust_remote_code": False} if config.get("hf_tokenizer_name") else {}
            with quiet_libraries():
                tokenizer = open_clip.get_tokenizer(spec.model, **own)
            _require_words(tokenizer)
        except Exception as error:  # open_clip raises whatever its loaders raise
            raise spec.failure("tokenizer", error) from error
        window = tokenizer.context_length
        if not isinstance(window, int) or not LEAST_WINDOW <= window <= LARGEST_WINDOW:
            raise spec.failure(
                "configuration",
                ValueError(f"context_length, {window!r}, should be a number of tokens"),
            )
        keep_all_tokens(tokenizer)
        return cls(spec, window, tokenizer, frozenset(vocabulary()) if spec.is_builtin else None)

    @property
    def name(self) -> str:
        """The judge's name in results."""
        return self.spec.name

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        if self.words is not None:
            return f"it knows only the rendered world; use --judge {DEFAULT_CLIP}"
        return "give them foils that it can distinguish from the prompt, or choose another --judge"

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` it can distinguish from all of their rivals.

        Raises:
            JudgeError: the tokenizer fails on a text.
        """
        read = self.read([text for prompt in prompts for text in texts_of(prompt)])
        unjudgeable, cut, fewer, left_out = {}, [], 0, 0
        for prompt in prompts:
            reason = self._reason(prompt, read)
            if reason:
                unjudgeable[prompt.id] = reason
                continue
            if any(read[text][1] for text in texts_of(prompt)):
                cut.append(prompt.id)
            fewer += rivals_of(prompt).left_out > 0
            left_out += rivals_of(prompt).left_out
        return Scope(unjudgeable, tuple(cut), self._remarks(fewer, left_out, len(prompts)))

    def _remarks(self, fewer: int, left_out: int, n_prompts: int) -> tuple[str, ...]:
        if not fewer:
            return ()
        return (
            f"{self.name} holds {fewer:,} of {n_prompts:,} prompts against every other value of "
            f"their attributes and {MOST} other captions each, drawn evenly over the kinds of "
            f"change; {left_out:,} further changes are left out",
        )

    def _reason(self, prompt: Prompt, read: Mapping[str, tuple[torch.Tensor, bool]]) -> str:
        """Why `prompt` cannot be judged; empty if it can."""
        rivals = texts_of(prompt)[1:]
        if not rivals:
            return NO_FOILS
        if self.words is not None:
            # Its tokenizer ignores case.
            used = {word for text in texts_of(prompt) for word in text.lower().split()}
            if not used <= self.words:
                return UNKNOWN
        tokens, is_cut = read[prompt.text]
        same = [text for text in rivals if tokens.equal(read[text][0])]
        if not same:
            return ""
        if is_cut and read[same[0]][1]:
            return (
                "a foil differs from the prompt only beyond the "
                f"{self.window} tokens that this judge reads"
            )
        return SAME

    def read(self, texts: Sequence[str]) -> Mapping[str, tuple[torch.Tensor, bool]]:
        """The token ids of each text, ``(window,)``, and whether the text goes on beyond them.

        Raises:
            JudgeError: the tokenizer fails on a text.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._read]
        try:
            with quiet_libraries():
                for start in range(0, len(new), AT_ONCE):
                    self._tokenize(new[start : start + AT_ONCE])
        except Exception as error:  # tokenizers written in other languages raise errors of any type
            raise JudgeError(
                f"judge {self.spec.given!r} cannot read the prompts with its tokenizer: "
                f"{' '.join(str(error).split()) or type(error).__name__}"
            ) from error
        return self._read

    def _tokenize(self, texts: Sequence[str]) -> None:
        rows = self.tokenizer(texts, context_length=self.window)
        empty = self.tokenizer([""], context_length=self.window + LEAST_WINDOW)
        padding = empty.mode().values.item()
        # A text that fills its row may be longer: then a row with one more token differs.
        full = ((rows == padding).sum(dim=1) <= 1).nonzero()[:, 0].tolist()
        cut = set()
        if full:
            longer = self.tokenizer([texts[row] for row in full], context_length=self.window + 1)
            for row, wider in zip(full, longer, strict=True):
                own, more = rows[row], wider
                if not own[own != padding].equal(more[more != padding]):
                    cut.add(row)
        for row, text in enumerate(texts):
            # A copy: a view would keep the whole batch.
            self._read[text] = rows[row].int().clone(), row in cut


def _require_words(tokenizer: Any) -> None:
    """Raise `ValueError` for the empty tokenizer that transformers makes if a file is missing."""
    words = getattr(tokenizer, "tokenizer", None)
    if words is not None and len(words) <= len(words.all_special_ids):
        raise ValueError("it has no vocabulary, so a file of it is missing")


def texts_of(prompt: Prompt) -> tuple[str, ...]:
    """The prompt's text and then those of its rivals."""
    return prompt.text, *rivals_of(prompt).texts
