"""The colour of a detected object: CLIP's zero-shot choice among ten on its crop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import JudgeError
from t2i_audit.judges.geneval_rules import COLOURS, Box
from t2i_audit.judges.geneval_spec import GenEvalSpec
from t2i_audit.models.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

# GenEval's; a colour's embedding is the mean over them.
TEMPLATES = (
    "a photo of a {colour} {name}",
    "a photo of a {colour}-colored {name}",
    "a photo of a {colour} object",
)
BACKGROUND = "#999999"  # what stands for the pixels beside an object's mask
BATCH = 64  # crops that are encoded at once


@dataclass(frozen=True, eq=False)
class ColourModel:
    """An open_clip model that names the colour of a crop."""

    fingerprint: Mapping[str, str]
    model: Any = field(repr=False)
    preprocess: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    _classifiers: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, spec: GenEvalSpec, *, device: str) -> ColourModel:
        """Load the open_clip model that `spec` names.

        Raises:
            JudgeError: open_clip cannot load it, or its embeddings are not finite.
        """
        from t2i_audit.judges.clip_identity import fingerprint_of
        from t2i_audit.judges.clip_text import ClipText
        from t2i_audit.judges.clip_weights import load_weights

        clip = spec.clip
        text = ClipText.load(clip)
        try:
            model, preprocess = load_weights(clip, device)
        except JudgeError:
            raise
        except Exception as error:  # open_clip raises whatever its loaders raise
            if isinstance(error, RuntimeError) and is_out_of_memory(error):
                raise
            raise clip.failure("colour model", error) from error
        known = fingerprint_of(text, model)
        loaded = cls(
            {
                key: value
                for key, value in known.items()
                if key not in ("judge", "choice", "rivals")
            },
            model,
            preprocess,
            text.tokenizer,
        )
        if not loaded._classifier("object").isfinite().all():
            raise JudgeError(
                f"judge {spec.given!r} cannot judge: the colour model's embeddings are not finite; "
                "its weights are damaged, so give others"
            )
        return loaded

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    def colours_of(self, crops: Sequence[Image], names: Sequence[str]) -> list[str]:
        """The colour of each crop, one of `COLOURS`; `names` are the objects' classes."""
        import torch

        colours: list[str] = []
        for start in range(0, len(crops), BATCH):
            pixels = torch.stack([self.preprocess(crop) for crop in crops[start : start + BATCH]])
            with torch.no_grad():
                vectors = self.model.encode_image(pixels.to(self.device), normalize=True)
            for vector, name in zip(vectors.double().cpu(), names[start:], strict=False):
                colours.append(COLOURS[int((self._classifier(name) @ vector).argmax())])
        return colours

    def _classifier(self, name: str) -> torch.Tensor:
        """The colours' embeddings for a class, ``(10, d)``: the normalised mean over templates."""
        import torch
        from torch.nn.functional import normalize

        if name not in self._classifiers:
            rows = []
            for colour in COLOURS:
                texts = [template.format(colour=colour, name=name) for template in TEMPLATES]
                with torch.no_grad():
                    tokens = self.tokenizer(texts).to(self.device)
                    vectors = self.model.encode_text(tokens, normalize=True)
                rows.append(normalize(vectors.double().cpu().mean(dim=0), dim=0))
            self._classifiers[name] = torch.stack(rows)
        return self._classifiers[name]


def crop_of(image: Image, box: Box) -> Image:
    """The part of `image` in `box`, at least a pixel; beside a mask it is `BACKGROUND`."""
    from PIL import Image as Images

    if box.mask is not None:
        blank = Images.new("RGB", image.size, BACKGROUND)
        image = Images.composite(image, blank, Images.fromarray(box.mask))
    left = min(round(box.left), image.width - 1)
    top = min(round(box.top), image.height - 1)
    right, bottom = max(round(box.right), left + 1), max(round(box.bottom), top + 1)
    return image.crop((left, top, right, bottom))
