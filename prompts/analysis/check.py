"""Faults of a file of prompts that only show over all of it, or with a model's tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prompts.analysis.consistency import OTHER_VALUE, Spans, faults_of, remarks_of
from prompts.formats.native import Header
from prompts.splits import compositions
from prompts.structure import Prompt

EXAMPLES = 5  # texts that are named of each fault


class Window(Protocol):
    """A tokenizer and how many tokens its encoder reads."""

    @property
    def name(self) -> str:
        """What it is called in its model."""
        ...

    @property
    def limit(self) -> int | None:
        """Tokens that are read, those at the ends included; None without a limit."""
        ...

    def length(self, text: str) -> int:
        """Tokens of `text`, those at its ends included."""
        ...


@dataclass
class Group:
    """Prompts with the same fault or remark."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str, count: int = 1) -> None:
        """Count `count` more; the first few texts are kept."""
        self.count += count
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)


@dataclass(frozen=True)
class Judged:
    """What a judge of images can make of the prompts."""

    name: str
    """The judge, as the command line takes it."""
    window: int | None
    """Tokens of a text that it reads; None if it reads all."""
    unjudgeable: Mapping[str, tuple[str, ...]]
    """Why prompts cannot be judged, and the ids of those prompts."""
    cut: tuple[str, ...]
    """Ids of the prompts that are judged by their beginning, or by that of a foil."""

    @property
    def faults(self) -> int:
        """How many prompts cannot be judged."""
        return sum(len(ids) for ids in self.unjudgeable.values())

    def lines(self) -> Iterator[str]:
        """The findings in words."""
        window = "texts of any length" if self.window is None else f"{self.window} tokens of a text"
        yield f"note: {self.name} reads {window}"
        for reason, ids in self.unjudgeable.items():
            yield f"fault: {self.name} cannot judge: {reason}: {len(ids):,} ({_examples(ids)})"
        if self.cut:
            yield (
                f"note: {self.name} judges by the beginning of the prompt or of a foil: "
                f"{len(self.cut):,} ({_examples(self.cut)})"
            )


@dataclass
class Findings:
    """What was found."""

    prompts: int = 0
    faults: dict[str, Group] = field(default_factory=dict)
    """What should be mended before the file is used."""
    remarks: dict[str, Group] = field(default_factory=dict)
    """What limits what can be done with it."""
    judge: Judged | None = None
    """What a judge can make of it; None where none was asked for."""

    @property
    def n_faults(self) -> int:
        """All faults together."""
        own = sum(group.count for group in self.faults.values())
        return own + (self.judge.faults if self.judge else 0)

    def lines(self) -> Iterator[str]:
        """The findings in words."""
        for kind, groups in (("fault", self.faults), ("note", self.remarks)):
            for name, group in groups.items():
                yield f"{kind}: {name}: {group.count:,} ({_examples(group.examples)})"
        if self.judge is not None:
            yield from self.judge.lines()
        yield f"{self.prompts:,} prompts, {self.n_faults:,} faults"


def check_prompts(
    prompts: Iterable[Prompt], header: Header | None, *, windows: Sequence[Window] = ()
) -> Findings:
    """Look at every prompt.

    Args:
        prompts: each already sound by itself, as reading checks it.
        header: of the file; its certificate is held against the prompts.
        windows: tokenizers of a model.
    """
    findings = Findings()
    spans = Spans()
    ids: set[int] = set()
    texts: set[int] = set()
    certificate = header.certificate if header else None
    withheld = frozenset(certificate.withheld) if certificate else frozenset()
    for prompt in prompts:
        findings.prompts += 1
        text = " ".join(prompt.text.casefold().split()).rstrip(".")
        for name, key, known in (
            ("id occurs twice", prompt.id, ids),
            ("text occurs twice", text, texts),
        ):
            # Hashes take less memory than what they stand for.
            digest = hash(key)
            if digest in known:
                _add(findings.faults, name, prompt.text)
            known.add(digest)
        spans.add(prompt)
        for name in faults_of(prompt):
            _add(findings.faults, name, prompt.text)
        for name in remarks_of(prompt):
            _add(findings.remarks, name, prompt.text)
        if not prompt.constituents:
            _add(findings.remarks, "text only, so nothing can be decoded", prompt.text)
        if not prompt.foils:
            _add(findings.remarks, "no foils, so the clip judge cannot judge it", prompt.text)
        if certificate is not None:
            is_held = not withheld.isdisjoint(compositions(prompt, certificate.order))
            if is_held != (prompt.split == "held_out"):
                _add(findings.faults, "split is not what the certificate says", prompt.text)
        too_long = [w for w in windows if w.limit is not None and w.length(prompt.text) > w.limit]
        if windows and len(too_long) == len(windows):
            _add(findings.faults, "no tokenizer's window holds it", prompt.text)
        elif too_long:
            names = ", ".join(window.name for window in too_long)
            _add(findings.faults, f"cut off by {names}", prompt.text)
    for count, text in spans.wrong():
        _add(findings.faults, OTHER_VALUE, text, count)
    return findings


def _examples(texts: Sequence[str]) -> str:
    more = f"; and {len(texts) - EXAMPLES:,} more" if len(texts) > EXAMPLES else ""
    return "; ".join(repr(text) for text in texts[:EXAMPLES]) + more


def _add(groups: dict[str, Group], name: str, text: str, count: int = 1) -> None:
    groups.setdefault(name, Group()).add(text, count)
