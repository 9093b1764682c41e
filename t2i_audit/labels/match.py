"""Which labels of a file belong to which images of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from prompts.structure import Prompt, folded
from t2i_audit.errors import LabelError
from t2i_audit.labels.label import ImageKey, Label, Labels
from t2i_audit.labels.rows import LabelFile, LeftOut, Row

NAMED = 20  # places in the file that a note lists
REASONS = 3  # that an error lists
NO_PROMPT = "the run has no such prompt"
NO_IMAGE = "the run has no such image"


@dataclass(frozen=True)
class _Found:
    """What the rows about one image come to."""

    labels: tuple[Label, ...]
    left_out: tuple[LeftOut, ...]
    rows: tuple[Row, ...]


class LabelIndex:
    """The rows of a file, to be looked up by image."""

    def __init__(self, file: LabelFile) -> None:
        self._rows: defaultdict[tuple[str, str, int], list[Row]] = defaultdict(list)
        for row in file.rows:
            if row.image:
                self._rows["image", row.image, 0].append(row)
            elif row.prompt_id:
                self._rows["prompt_id", row.prompt_id, row.seed or 0].append(row)
            # Public sets know prompts by their words, and an image perhaps by its file too.
            if row.text:
                self._rows["text", folded(row.text), row.seed or 0].append(row)
        self.names_images_only = any(
            row.image and not row.prompt_id and not row.text for row in file.rows
        )
        self._prompt_ids = {row.prompt_id for row in file.rows}
        self._texts = {folded(row.text) for row in file.rows}

    def knows(self, prompt: Prompt) -> bool:
        """Whether a row names `prompt`, or one may by an image of it."""
        by_name = prompt.id in self._prompt_ids or folded(prompt.text) in self._texts
        return by_name or self.names_images_only

    def of(self, key: ImageKey, prompt: Prompt) -> _Found:
        """The labels of the image `key` of `prompt`, the last of each rater."""
        rows = self._of(key, prompt)
        labels: dict[str, tuple[str, Label]] = {}
        left_out = []
        for row in rows:
            verdict = row.verdict(prompt)
            fault = _mismatch(row, key) or verdict.fault
            if fault:
                left_out.append(LeftOut(row.where, fault))
                continue
            left_out += [LeftOut(row.where, reason) for reason in verdict.passed_over]
            if row.rater in labels:
                reason = "its rater judges the image again further down, and the last label counts"
                left_out.append(LeftOut(labels[row.rater][0], reason))
            label = Label(
                key.prompt_id, key.seed, row.rater, verdict.correct, verdict.slots, row.weight
            )
            labels[row.rater] = row.where, label
        return _Found(tuple(each for _, each in labels.values()), tuple(left_out), tuple(rows))

    def _of(self, key: ImageKey, prompt: Prompt) -> list[Row]:
        keys = [("image", name, 0) for name in _wordings(key)]
        keys.append(("prompt_id", prompt.id, key.seed))
        keys.append(("text", folded(prompt.text), key.seed))
        found = (row for each in keys for row in self._rows.get(each, ()))
        # A row may be known by its image and by its words.
        return list({id(row): row for row in found}.values())


def match(file: LabelFile, prompts: Sequence[Prompt], images: Sequence[ImageKey]) -> Labels:
    """The labels of `file` that belong to `images`.

    Raises:
        LabelError: none does.
    """
    index = LabelIndex(file)
    by_id = {prompt.id: prompt for prompt in prompts}
    found = [index.of(key, by_id[key.prompt_id]) for key in images]
    used = {id(row) for each in found for row in each.rows}
    labels = tuple(label for each in found for label in each.labels)
    unused = [row for row in file.rows if id(row) not in used]
    left_out = [
        *file.left_out,
        *(reason for each in found for reason in each.left_out),
        *_unknown(unused, prompts),
    ]
    if not labels:
        raise LabelError(
            f"{file.source} has no label of the {len(images)} images: "
            + "; ".join(_reasons(left_out)[:REASONS])
        )
    notes = notes_on(file.source, left_out)
    return Labels(labels, file.source, file.sha256, file.rule, (*notes, *_one_class(file, labels)))


def unknown_prompts(file: LabelFile, prompts: Sequence[Prompt]) -> list[LeftOut]:
    """The rows of `file` that name a prompt which is none of `prompts`."""
    return [each for each in _unknown(file.rows, prompts) if each.reason == NO_PROMPT]


def notes_on(source: str, left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    """A sentence for each reason for which rows, or answers of rows, of `source` are not used."""
    return tuple(f"{source}: {reason}." for reason in _reasons(left_out))


def _reasons(left_out: Iterable[LeftOut]) -> list[str]:
    """Each reason once, with how many it holds for and where these are."""
    places: dict[str, list[str]] = {}
    for each in left_out:
        places.setdefault(each.reason, []).append(each.where)
    return [
        f"{len(where):,} left out: {reason} ({_names(where)})" for reason, where in places.items()
    ]


def _unknown(rows: Iterable[Row], prompts: Sequence[Prompt]) -> Iterator[LeftOut]:
    """Why no image of the run has each of `rows`."""
    ids, texts = {prompt.id for prompt in prompts}, {folded(prompt.text) for prompt in prompts}
    for row in rows:
        known = (not row.prompt_id or row.prompt_id in ids) and (
            not row.text or folded(row.text) in texts
        )
        yield LeftOut(row.where, NO_IMAGE if known else NO_PROMPT)


def _wordings(key: ImageKey) -> list[str]:
    """The names under which a file may know an image: with or without suffix, or without folder.

    Only the run's own names are unique without their folder.
    """
    names = [*key.names, *(PurePosixPath(name).name for name in key.names[:1])]
    shorter = [str(PurePosixPath(name).with_suffix("")) for name in names]
    return list(dict.fromkeys((*names, *shorter)))


def _mismatch(row: Row, key: ImageKey) -> str:
    """How the row contradicts the image that it names; empty if it does not."""
    if row.sha256 and key.sha256 and row.sha256 != key.sha256:
        return "the run's image has changed since, or is of another run (its SHA-256 differs)"
    others = (row.prompt_id and row.prompt_id != key.prompt_id) or (
        row.seed is not None and row.seed != key.seed
    )
    return "its image is not of the prompt_id and seed beside it" if others else ""


def _names(where: Sequence[str]) -> str:
    shown = ", ".join(where[:NAMED])
    return shown if len(where) <= NAMED else f"{shown} and {len(where) - NAMED:,} more"


def _one_class(file: LabelFile, labels: Sequence[Label]) -> tuple[str, ...]:
    verdicts = {label.correct for label in labels} - {None}
    if len(verdicts) != 1:
        return ()
    what, other = ("right", "wrong") if True in verdicts else ("wrong", "right")
    return (
        f"{file.source}: every label says {what}; how a judge does on {other} images cannot be "
        "measured by them.",
    )
