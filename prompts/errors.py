"""The errors of this package; each is one sentence that says how to solve the problem."""

from __future__ import annotations


class PromptsError(ValueError):
    """Bad input: a grammar, vocabulary, prompt file or request that cannot be used."""

    detail: str = ""
    """Lines to show below the sentence, e.g. a source line with a caret."""


class SuiteFormatError(PromptsError):
    """A suite cannot be found, read or used."""


class VocabularyError(PromptsError):
    """A vocabulary cannot be found, read or used."""


class GrammarError(PromptsError):
    """A grammar cannot be read; `detail` shows the line with a caret."""

    def __init__(self, sentence: str, *, source: str = "", column: int = 0, near: str = "") -> None:
        super().__init__(sentence)
        lines = [f"  {source}", f"  {' ' * column}^"] if source else []
        if near:
            lines.append(f"  nearest form that parses: {near}")
        self.detail = "\n".join(lines)


class RequestError(PromptsError):
    """A request cannot be met, e.g. for more prompts than there are."""


def first_line(error: BaseException) -> str:
    """First line of an error's message; the name of its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
