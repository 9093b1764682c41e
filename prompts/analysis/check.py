"""Checks of a whole file of prompts: faults, limitations, and what a model or a judge can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prompts.analysis.consistency import OTHER_VALUE, ValueWords, faults_of, remarks_of
from prompts.foils.rivals import rivals_of
from prompts.formats.native import Header
from prompts.splits import compositions
from prompts.structure import Prompt

EXAMPLES = 5  # texts that are listed for each finding


class TokenWindow(Protocol):
    """A tokenizer and the number of tokens that its encoder reads."""

    @property
    def name(self) -> str:
        """Its name in the model."""
        ...

    @property
    def limit(self) -> int | None:
        """Number of tokens that are read, including begin and end tokens; None without a limit."""
        ...

    def length(self, text: str) -> int:
        """Number of tokens of `text`, including begin and end tokens."""
        ...


@dataclass
class FindingGroup:
    """Prompts with the same fault or limitation."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str, count: int = 1) -> None:
        """Count `count` more prompts; the first few texts are kept as examples."""
        self.count += count
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)


@dataclass(frozen=True)
class JudgeFindings:
    """The prompts that a judge of images can and cannot judge."""

    name: str
    """The judge, as it is named on the command line."""
    window: int | None
    """Number of tokens of a text that it reads; None if it states no limit."""
    unjudgeable: Mapping[str, tuple[str, ...]]
    """The ids of prompts that cannot be judged, by reason."""
    cut: tuple[str, ...]
    """The ids of prompts of which the text or a foil is truncated for the judge."""
    remarks: tuple[str, ...] = ()
    """Sentences, without a full stop, on how it judges the prompts."""

    @property
    def faults(self) -> int:
        """Number of prompts that cannot be judged."""
        return sum(len(ids) for ids in self.unjudgeable.values())

    def lines(self) -> Iterator[str]:
        """The findings, one per line."""
        if self.window is None:
            yield f"note: {self.name} states no limit to the length of a text"
        else:
            yield f"note: {self.name} reads {self.window} tokens of each text"
        for reason, ids in self.unjudgeable.items():
            yield f"fault: {self.name} cannot judge: {reason}: {len(ids):,} ({_examples(ids)})"
        if self.cut:
            yield (
                f"note: {self.name} reads only the beginning of the prompt or of a foil: "
                f"{len(self.cut):,} ({_examples(self.cut)})"
            )
        for remark in self.remarks:
            yield f"note: {remark}"


@dataclass
class Findings:
    """The findings of a file."""

    prompts: int = 0
    faults: dict[str, FindingGroup] = field(default_factory=dict)
    """What should be repaired before the file is used."""
    remarks: dict[str, FindingGroup] = field(default_factory=dict)
    """What limits the use of the file."""
    judge: JudgeFindings | None = None
    """The findings of a judge, if one was named."""

    @property
    def n_faults(self) -> int:
        """Number of all faults."""
        own = sum(group.count for group in self.faults.values())
        return own + (self.judge.faults if self.judge else 0)

    def lines(self) -> Iterator[str]:
        """The findings, one per line."""
        for kind, groups in (("fault", self.faults), ("note", self.remarks)):
            for name, group in groups.items():
                yield f"{kind}: {name}: {group.count:,} ({_examples(group.examples)})"
        if self.judge is not None:
            yield from self.judge.lines()
        yield f"{self.prompts:,} prompts, {self.n_faults:,} faults"


def check_prompts(
    prompts: Iterable[Prompt], header: Header | None, *, windows: Sequence[TokenWindow] = ()
) -> Findings:
    """Check every prompt.

    Args:
        prompts: valid by themselves, as checked when they were read.
        header: the header of the file; its certificate is compared with the prompts.
        windows: the tokenizers of a model.
    """
    findings = Findings()
    value_words = ValueWords()
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
            # Hashes take less memory than texts.
            digest = hash(key)
            if digest in known:
                _add(findings.faults, name, prompt.text)
            known.add(digest)
        value_words.add(prompt)
        for name in faults_of(prompt):
            _add(findings.faults, name, prompt.text)
        for name in remarks_of(prompt):
            _add(findings.remarks, name, prompt.text)
        if not prompt.constituents:
            _add(findings.remarks, "text only, so no slot can be probed", prompt.text)
        if not prompt.foils and not rivals_of(prompt).texts:
            _add(findings.remarks, "no foils, so the clip judge cannot judge it", prompt.text)
        if certificate is not None:
            is_held = not withheld.isdisjoint(compositions(prompt, certificate.order))
            if is_held != (prompt.split == "held_out"):
                _add(findings.faults, "split contradicts the certificate", prompt.text)
        too_long = [w for w in windows if w.limit is not None and w.length(prompt.text) > w.limit]
        if windows and len(too_long) == len(windows):
            _add(findings.faults, "longer than what any tokenizer's encoder reads", prompt.text)
        elif too_long:
            names = ", ".join(window.name for window in too_long)
            _add(findings.faults, f"truncated by {names}", prompt.text)
    for count, text in value_words.wrong():
        _add(findings.faults, OTHER_VALUE, text, count)
    return findings


def _examples(texts: Sequence[str]) -> str:
    more = f"; and {len(texts) - EXAMPLES:,} more" if len(texts) > EXAMPLES else ""
    return "; ".join(repr(text) for text in texts[:EXAMPLES]) + more


def _add(groups: dict[str, FindingGroup], name: str, text: str, count: int = 1) -> None:
    groups.setdefault(name, FindingGroup()).add(text, count)
