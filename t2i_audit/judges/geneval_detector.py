"""Any detector of transformers, made to give boxes by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from t2i_audit.errors import JudgeError
from t2i_audit.judges.geneval_rules import Box
from t2i_audit.judges.geneval_spec import GenEvalSpec
from t2i_audit.judges.geneval_words import WordTable, named
from t2i_audit.models.out_of_memory import is_out_of_memory
from t2i_audit.pipelines.workarounds import quiet_libraries

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

Sort = Literal["boxes", "masks", "words"]
"""What a model gives: boxes of its classes, masks of its classes, or boxes of any word."""
Found = dict[str, list[Box]]
"""Boxes by class."""
# Confidences are rounded to this many digits: those of an image differ by some 1e-7 between batches
# of different sizes.
DIGITS = 5
# How a zero-shot detector is asked, in its authors' own wording; the OWL models read single
# captions of a fixed length, the others sentences.
OWL = ("owlvit", "owlv2")
OWL_WORDING, OTHER_WORDING = "a photo of a {name}", "a {name}."


@dataclass(frozen=True)
class DetectorConfig:
    """What a detector is, without its weights."""

    spec: GenEvalSpec
    sort: Sort
    model_type: str
    labels: tuple[str, ...]
    """Its classes by number; empty for a detector of any word."""
    config: Any = field(repr=False)

    @cached_property
    def words(self) -> WordTable:
        """Which of its classes a word means."""
        return WordTable(None if self.sort == "words" else named(self.labels))

    @property
    def wording(self) -> str:
        """How a zero-shot detector is asked for a class."""
        return OWL_WORDING if self.model_type in OWL else OTHER_WORDING


def read_config(spec: GenEvalSpec) -> DetectorConfig:
    """What the detector is; of a hub model only the configuration is fetched.

    Raises:
        JudgeError: it cannot be read, or it is no detector whose classes have names.
    """
    from transformers import AutoConfig

    try:
        with quiet_libraries():
            config = AutoConfig.from_pretrained(_source(spec), trust_remote_code=False)
    except Exception as error:  # transformers raises whatever its loaders raise
        raise spec.failure("configuration", error) from error
    sort = _sort_of(config)
    if sort is None:
        architecture = ", ".join(config.architectures or ()) or config.model_type
        raise JudgeError(
            f"judge {spec.given!r} cannot load: {architecture} is no detector of transformers; "
            "give a model for object detection, instance segmentation or zero-shot detection"
        )
    labels: tuple[str, ...] = ()
    if sort != "words":
        names = {int(index): str(label) for index, label in config.id2label.items()}
        labels = tuple(names.get(index, "") for index in range(max(names, default=-1) + 1))
        if not named(labels):
            raise JudgeError(
                f"judge {spec.given!r} cannot load: its configuration does not name its classes "
                "(id2label)"
            )
    return DetectorConfig(spec, sort, config.model_type, labels, config)


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector with its weights."""

    config: DetectorConfig
    model: Any = field(repr=False)
    processor: Any = field(repr=False)

    @classmethod
    def load(cls, config: DetectorConfig, *, device: str) -> Detector:
        """Fetch and load the weights, from safetensors only and without code from the hub.

        Raises:
            JudgeError: it does not load.
        """
        import transformers
        from transformers import AutoImageProcessor, AutoProcessor

        spec, source = config.spec, _source(config.spec)
        processors = AutoProcessor if config.sort == "words" else AutoImageProcessor
        try:
            with quiet_libraries():
                processor = processors.from_pretrained(source, trust_remote_code=False)
                architecture = getattr(transformers, config.config.architectures[0])
                model, report = architecture.from_pretrained(
                    source, config=config.config, use_safetensors=True, output_loading_info=True
                )
        except Exception as error:  # transformers raises whatever its loaders raise
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            raise spec.failure("model", error) from error
        missing = sorted(report["missing_keys"])
        if missing:
            raise JudgeError(
                f"judge {spec.given!r} cannot load: its weights lack {len(missing)} of the model's "
                f"parameters, e.g. {missing[0]}; they do not belong to its configuration"
            )
        return cls(config, model.float().eval().to(device), processor)

    def detect(
        self, images: Sequence[Image], names: Sequence[Sequence[str]], *, threshold: float
    ) -> list[Found]:
        """The objects in each of `images` with a confidence above `threshold`.

        Args:
            images: RGB, of any size.
            names: the classes that are looked for in each; a detector with classes of its own
                gives those it finds of all.
            threshold: of the confidence.
        """
        import torch

        if self.config.sort == "words":
            return self._of_words(images, names, threshold)
        with torch.no_grad():
            inputs = self.processor(images=list(images), return_tensors="pt").to(self.model.device)
            outputs = self.model(**inputs)
        sizes = [(image.height, image.width) for image in images]
        if self.config.sort == "boxes":
            results = self.processor.post_process_object_detection(
                outputs, threshold=threshold, target_sizes=torch.tensor(sizes).to(self.model.device)
            )
            return [
                self._by_label(result["labels"].tolist(), _boxes_of(result, size))
                for result, size in zip(results, sizes, strict=True)
            ]
        results = self.processor.post_process_instance_segmentation(
            outputs, threshold=threshold, target_sizes=sizes, return_binary_maps=True
        )
        found = []
        for result in results:
            segments = result["segments_info"]
            masks = result["segmentation"] if segments else ()
            boxes = [_box_of_mask(m, s["score"]) for m, s in zip(masks, segments, strict=True)]
            found.append(self._by_label([segment["label_id"] for segment in segments], boxes))
        return found

    def _by_label(self, labels: Sequence[int], boxes: Sequence[Box]) -> Found:
        found: Found = {}
        for label, box in zip(labels, boxes, strict=True):
            found.setdefault(self.config.labels[label], []).append(box)
        return found

    def _of_words(
        self, images: Sequence[Image], names: Sequence[Sequence[str]], threshold: float
    ) -> list[Found]:
        """One pass for each class of each image, so that every box is of one class for certain."""
        import torch

        pairs = [(index, name) for index, own in enumerate(names) for name in own]
        found: list[Found] = [{} for _ in images]
        if not pairs:
            return found
        asked = [self.config.wording.format(name=name) for _, name in pairs]
        is_owl = self.config.model_type in OWL
        texts = [[text] for text in asked] if is_owl else asked
        padding = "max_length" if is_owl else True
        shown = [images[index] for index, _ in pairs]
        with torch.no_grad():
            inputs = self.processor(
                images=shown, text=texts, return_tensors="pt", padding=padding
            ).to(self.model.device)
            outputs = self.model(**inputs)
        sizes = [(image.height, image.width) for image in shown]
        post: Callable[..., Any] = self.processor.post_process_grounded_object_detection
        results = post(
            outputs, threshold=threshold, target_sizes=torch.tensor(sizes).to(self.model.device)
        )
        for (index, name), result, size in zip(pairs, results, sizes, strict=True):
            boxes = _boxes_of(result, size)
            if boxes:
                found[index][name] = boxes
        return found


def _sort_of(config: Any) -> Sort | None:
    """What the model gives; None if it is no detector of transformers."""
    from transformers.models.auto import modeling_auto as known

    name = (config.architectures or [""])[0]
    sorts: Mapping[Sort, tuple[Mapping[str, str], ...]] = {
        "words": (known.MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES,),
        "boxes": (known.MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES,),
        "masks": (
            known.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES,
            known.MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES,
        ),
    }
    for sort, tables in sorts.items():
        if any(name in table.values() for table in tables):
            return sort
    return None


def _source(spec: GenEvalSpec) -> str:
    return str(spec.folder) if spec.folder is not None else spec.detector


def _boxes_of(result: Mapping[str, torch.Tensor], size: tuple[int, int]) -> list[Box]:
    """The boxes of one image, cut off at its edges."""
    height, width = size
    edges = result["boxes"].double().cpu().numpy().reshape(-1, 4)
    edges = np.clip(edges, 0, [width, height, width, height])
    scores = result["scores"].double().cpu().tolist()
    return [
        Box(left, top, right, bottom, round(score, DIGITS))
        for (left, top, right, bottom), score in zip(edges.tolist(), scores, strict=True)
    ]


def _box_of_mask(mask: torch.Tensor, score: float) -> Box:
    """The box around a mask that is not empty; it ends behind the last row and column."""
    inside = mask.cpu().numpy().astype(bool)
    rows, columns = np.nonzero(inside)
    left, top = float(columns.min()), float(rows.min())
    right, bottom = float(columns.max()) + 1, float(rows.max()) + 1
    return Box(left, top, right, bottom, round(float(score), DIGITS), inside)
