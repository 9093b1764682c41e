"""The GenEval judge: a detector's boxes, and GenEval's rules on them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.clip_identity import hash_of_lines, hash_of_weights
from t2i_audit.judges.geneval_colour import BACKGROUND, TEMPLATES, ColourModel, crop_of
from t2i_audit.judges.geneval_detector import Detector, DetectorConfig, Found, read_config
from t2i_audit.judges.geneval_prompts import Request, Slot, request_of
from t2i_audit.judges.geneval_rules import Box, Decision, Rules, decide, kept, positions
from t2i_audit.judges.geneval_spec import parse_geneval
from t2i_audit.judges.geneval_words import SYNONYMS
from t2i_audit.judges.scope import Scope

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from prompts.structure import Prompt

LIBRARIES = ("transformers", "torchvision", "pillow", "timm")


@dataclass(frozen=True)
class GenEvalReader:
    """The part of the judge that reads prompts."""

    config: DetectorConfig
    window: int | None = None

    @classmethod
    def from_spec(cls, spec: str) -> GenEvalReader:
        """Of a hub model, only the detector's configuration is fetched.

        Raises:
            JudgeError: there is no such detector.
        """
        return cls(read_config(parse_geneval(spec)))

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.config.spec.name

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        if self.config.sort == "words":
            return "it judges objects, colours, counts and the relations left, right, above, below"
        return (
            "its detector knows the classes of its configuration; a zero-shot detector (e.g. "
            "geneval:IDEA-Research/grounding-dino-tiny) takes any word"
        )

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` GenEval's rules and the detector's classes can judge."""
        requests = ((prompt.id, self.request(prompt)) for prompt in prompts)
        return Scope({prompt_id: each for prompt_id, each in requests if isinstance(each, str)})

    def request(self, prompt: Prompt) -> Request | str:
        """What is looked for in images of `prompt`, or why it cannot be judged."""
        return request_of(prompt, self.config.words.label_of)


@dataclass(frozen=True, eq=False)
class GenEvalJudge:
    """An image is correct if GenEval's rules hold for what the detector finds in it."""

    reader: GenEvalReader
    detector: Detector = field(repr=False)
    colours: ColourModel = field(repr=False)
    fingerprint: Mapping[str, str]
    rules: Rules = field(default_factory=Rules)

    @classmethod
    def from_spec(cls, spec: str, *, device: str, rules: Rules | None = None) -> GenEvalJudge:
        """Load ``geneval`` (the built-in detector), ``geneval:DETECTOR`` or
        ``geneval:DETECTOR#CLIP``; see `parse_geneval`.

        Raises:
            JudgeError: the detector or the colour model does not load.
        """
        reader = GenEvalReader.from_spec(spec)
        colours = ColourModel.load(reader.config.spec, device=device)
        detector = Detector.load(reader.config, device=device)
        rules = rules or Rules()
        return cls(reader, detector, colours, _fingerprint(detector, colours, rules), rules)

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.reader.name

    @property
    def window(self) -> int | None:
        """It reads whole texts."""
        return self.reader.window

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        return self.reader.advice

    def move_to(self, device: str) -> None:
        """Move the weights of both models to `device`."""
        self.detector.model.to(device)
        self.colours.model.to(device)

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """Which of `prompts` GenEval's rules and the detector's classes can judge."""
        return self.reader.scope(prompts)

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``.

        Slots are judged each by its own: a colour or a relation is right or wrong wherever the
        objects were found, and wrong where they were not. The margin of a correct image is by how
        much the least confident box that it rests on exceeds the threshold; others have none, and
        GenEval's rules give no probability. An image without any box is not readable: it is wrong,
        and a run without any readable image is refused (`require_readable`).

        Raises:
            JudgeError: a prompt cannot be judged; see `scope`.
        """
        from PIL import Image

        requests = [self._request(prompt) for prompt in prompts]
        shown = [Image.fromarray(image) for image in images]
        everything = self.detector.detect(
            shown, [request.names for request in requests], threshold=self._least
        )
        found = [self._kept(each, r) for each, r in zip(everything, requests, strict=True)]
        tints = self._colours(shown, found, requests)
        return [
            judgement_of(request, own, tint, rules=self.rules, readable=any(each.values()))
            for request, own, tint, each in zip(requests, found, tints, everything, strict=True)
        ]

    @property
    def _least(self) -> float:
        return min(self.rules.threshold, self.rules.counting_threshold)

    def _request(self, prompt: Prompt) -> Request:
        request = self.reader.request(prompt)
        if isinstance(request, str):
            raise JudgeError(f"judge {self.name!r} cannot judge {prompt.text!r}: {request}")
        return request

    def _kept(self, found: Found, request: Request) -> Found:
        """The boxes that count, of the classes that the prompt asks for."""
        return {
            name: kept(found.get(name, ()), rules=self.rules, counting=request.counting)
            for name in request.names
        }

    def _colours(
        self, images: Sequence[Image], found: Sequence[Found], requests: Sequence[Request]
    ) -> list[dict[Box, str]]:
        """The colours of all boxes whose colour the rules look at, from one pass over the batch."""
        wanted = [
            (index, clause.name, box)
            for index, (own, request) in enumerate(zip(found, requests, strict=True))
            for clause in request.clauses
            if clause.colour and len(own[clause.name]) >= clause.count
            for box in own[clause.name][: clause.count]
        ]
        crops = [crop_of(images[index], box) for index, _, box in wanted]
        colours = self.colours.colours_of(crops, [name for _, name, _ in wanted])
        tints: list[dict[Box, str]] = [{} for _ in images]
        for (index, _, box), colour in zip(wanted, colours, strict=True):
            tints[index][box] = colour
        return tints


def judgement_of(
    request: Request,
    found: Mapping[str, Sequence[Box]],
    colours: Mapping[Box, str],
    *,
    rules: Rules,
    readable: bool,
) -> Judgement:
    """The verdict on one image.

    Args:
        request: what its prompt asks for.
        found: the kept boxes of each class.
        colours: of the boxes whose colour the rules look at.
        rules: GenEval's numbers.
        readable: whether the detector found anything.
    """
    decision = decide(
        found,
        request.clauses,
        request.excluded,
        colours_of=lambda name, boxes: [colours[box] for box in boxes],
        rules=rules,
    )
    margin = math.nan
    if decision.correct:
        threshold = rules.counting_threshold if request.counting else rules.threshold
        confidences = [box.confidence for outcome in decision.outcomes for box in outcome.found]
        margin = min(confidences) - threshold
    return Judgement(
        correct=decision.correct,
        margin=margin,
        chosen=_describe(request, found, colours),
        readable=readable,
        slots={slot.name: _slot(slot, request, decision, rules) for slot in request.slots},
    )


def _slot(slot: Slot, request: Request, decision: Decision, rules: Rules) -> bool:
    """Whether one slot is right, whatever became of the others."""
    outcome, clause = decision.outcomes[slot.clause], request.clauses[slot.clause]
    if slot.kind == "object":
        return bool(outcome.found)
    if slot.kind == "count":
        over = (
            b
            for e, b in zip(request.excluded, decision.too_many, strict=True)
            if e.name == clause.name
        )
        return outcome.enough and not any(over)
    if slot.kind == "colour":
        return outcome.coloured is True
    assert clause.position is not None
    relation, index = clause.position
    target = decision.outcomes[index]
    return (
        outcome.enough
        and target.enough
        and all(
            relation in positions(box, other, rules=rules)
            for box in outcome.found
            for other in target.found
        )
    )


def _describe(
    request: Request, found: Mapping[str, Sequence[Box]], colours: Mapping[Box, str]
) -> str:
    """What was found of each class, e.g. ``red circle at 16,30 (0.98); no star``."""
    words = []
    for name in request.names:
        for box in found[name]:
            x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            tint = f"{colours[box]} " if box in colours else ""
            words.append(f"{tint}{name} at {x:.0f},{y:.0f} ({box.confidence:.2f})")
        if not found[name]:
            words.append(f"no {name}")
    return "; ".join(words)


def _fingerprint(detector: Detector, colours: ColourModel, rules: Rules) -> dict[str, str]:
    """Everything that the verdicts depend on."""
    config = detector.config
    commit = getattr(config.config, "_commit_hash", None)
    processor = json.dumps(detector.processor.to_dict(), sort_keys=True, default=str)
    return {
        "judge": "geneval",
        "detector": config.spec.name,
        "sort": config.sort,
        **({"revision": str(commit)} if commit else {}),
        **({"wording": config.wording} if config.sort == "words" else {}),
        "config_sha256": hash_of_lines([config.config.to_json_string()]),
        "preprocessing_sha256": hash_of_lines([processor]),
        "weights_sha256": hash_of_weights(detector.model),
        "synonyms_sha256": hash_of_lines([json.dumps(SYNONYMS)]),
        **{f"rule_{name}": str(value) for name, value in asdict(rules).items()},
        "colour_templates": " | ".join(TEMPLATES),
        "colour_background": BACKGROUND,
        **{f"colour_{name}": value for name, value in colours.fingerprint.items()},
        **{name: metadata.version(name) for name in LIBRARIES},
    }
