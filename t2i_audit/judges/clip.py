"""The CLIP judge: a forced choice of the true caption among its minimal foils."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prompts.world import vocabulary
from t2i_audit.errors import JudgeError
from t2i_audit.io import sha256_of
from t2i_audit.judges.judgement import Judgement
from t2i_audit.models.builtin import builtin_folder
from t2i_audit.models.quiet import quiet_libraries
from t2i_audit.settings import DEFAULT_CLIP

if TYPE_CHECKING:
    import torch

    from prompts.structure import Prompt

BUILTIN = "clip-judge"
LOCAL = "local-dir:"
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
CAPTIONS = 64  # encoded at once


@dataclass(frozen=True, eq=False)
class ClipJudge:
    """Right is a picture to which the prompt is more similar than every one of its foils."""

    name: str
    fingerprint: Mapping[str, str]
    model: Any = field(repr=False)
    preprocess: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    device: str
    words: frozenset[str] | None = None
    """All it knows, where it was trained on a closed vocabulary; a word it has never seen would
    be judged all the same, and mean nothing."""
    _texts: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def from_spec(cls, spec: str, *, device: str) -> ClipJudge:
        """Load ``clip`` (the built-in judge), ``clip:local-dir:PATH`` or ``clip:MODEL/TAG``.

        Raises `JudgeError` when open_clip cannot load it.
        """
        import open_clip

        chosen = spec.removeprefix("clip").removeprefix(":") or LOCAL + str(builtin_folder(BUILTIN))
        folder = Path(chosen.removeprefix(LOCAL)) if chosen.startswith(LOCAL) else None
        if folder is not None:
            for name in (CONFIG, WEIGHTS):
                if not (folder / name).is_file():
                    raise JudgeError(
                        f"judge {spec!r} cannot load: {folder} has no {name}; name the folder of "
                        "an open_clip model"
                    )
        name, _, tag = (chosen, "", "") if folder is not None else chosen.partition("/")
        if folder is None and tag not in open_clip.list_pretrained_tags_by_model(name):
            known = ", ".join(open_clip.list_pretrained_tags_by_model(name)[:5])
            hint = (
                f"its tags are {known}" if known else "no such model; see open_clip.list_models()"
            )
            raise JudgeError(f"judge {spec!r} cannot load: {hint} (clip:MODEL/TAG)")
        try:
            if folder is None:
                _require_safe_weights(spec, name, tag)
            with quiet_libraries():
                model, _, preprocess = open_clip.create_model_and_transforms(
                    name, pretrained=tag or None, device=device
                )
                tokenizer = open_clip.get_tokenizer(name)
        except JudgeError:
            raise
        except Exception as error:  # open_clip raises whatever its loaders raise
            reason = (str(error).strip() or type(error).__name__).partition(". ")[0]
            raise JudgeError(
                f"judge {spec!r} cannot load: {reason.splitlines()[0].rstrip('.')}; check the name "
                "and the network, or give a local folder as clip:local-dir:PATH"
            ) from error
        is_builtin = folder == builtin_folder(BUILTIN)
        model_name = BUILTIN if is_builtin else (folder or Path(name)).name
        fingerprint = {
            "judge": "clip",
            "model": model_name,
            "pretrained": tag,
            "weights_sha256": sha256_of(folder / WEIGHTS) if folder else hash_of_weights(model),
            "open_clip": open_clip.__version__,
            "choice": "true caption among its foils, cosine similarity",
        }
        shown = f"clip:{model_name}/{tag}" if tag else f"clip:{LOCAL}{model_name}"
        return cls(
            "clip" if is_builtin else shown,
            fingerprint,
            model.eval(),
            preprocess,
            tokenizer,
            device,
            frozenset(vocabulary()) if is_builtin else None,
        )

    def check(self, prompts: Sequence[Prompt]) -> None:
        """Raise `JudgeError` where prompts have no foils to choose from, or unknown words."""
        for prompt in prompts if self.words is not None else ():
            unknown = set(prompt.text.split()) - (self.words or frozenset())
            if unknown:
                raise JudgeError(
                    f"the built-in clip judge knows only the rendered world: {prompt.text!r} says "
                    f"{min(unknown)!r}; use --judge {DEFAULT_CLIP}"
                )
        without = [prompt.text for prompt in prompts if not prompt.foils]
        if without:
            raise JudgeError(
                f"judge 'clip' chooses among foils, and {len(without)} of {len(prompts)} prompts "
                f"have none, e.g. {without[0]!r}; leave them out of the suite or give them foils "
                "(`t2i-audit prompts check` finds them)"
            )

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` pictures ``(b, height, width, 3)``; the margin is a cosine difference.

        Raises `JudgeError` for a prompt that has no foils.
        """
        judged = []
        for prompt, scores in zip(prompts, self.similarities(images, prompts), strict=True):
            captions = [prompt.text, *(foil.text for foil in prompt.foils)]
            if not np.isfinite(scores).all():
                judged.append(Judgement(None, math.nan, "similarity is not finite", False))
                continue
            margin = float(scores[0] - scores[1:].max())
            judged.append(Judgement(margin > 0, margin, captions[int(scores.argmax())], True))
        return judged

    def similarities(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[np.ndarray]:
        """Cosine similarity of each picture to its caption and then to each foil, ``(1 + f,)``."""
        import torch
        from PIL import Image

        self.check(prompts)
        self._encode_texts(
            [text for p in prompts for text in (p.text, *(foil.text for foil in p.foils))]
        )
        pixels = torch.stack([self.preprocess(Image.fromarray(image)) for image in images])
        with torch.no_grad():
            pictures = self.model.encode_image(pixels.to(self.device), normalize=True)
        scores = []
        for picture, prompt in zip(pictures.float().cpu(), prompts, strict=True):
            texts = [prompt.text, *(foil.text for foil in prompt.foils)]
            captions = torch.stack([self._texts[text] for text in texts])
            scores.append((captions @ picture).numpy())
        return scores

    def _encode_texts(self, texts: Sequence[str]) -> None:
        """Encode what is not known yet; a suite's texts recur for every seed."""
        import torch

        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        for start in range(0, len(new), CAPTIONS):
            part = new[start : start + CAPTIONS]
            with torch.no_grad():
                encoded = self.model.encode_text(
                    self.tokenizer(part).to(self.device), normalize=True
                )
            self._texts.update(zip(part, encoded.float().cpu(), strict=True))


def _require_safe_weights(spec: str, name: str, tag: str) -> None:
    """Fetch the weights of open_clip's model ``name/tag`` as safetensors, if need be.

    open_clip looks for them first, but takes a pickle where there are none.

    Raises:
        JudgeError: there are none.
        OSError: they are not in the local cache, and the hub cannot be asked.
    """
    import open_clip
    from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    place = str(open_clip.get_pretrained_cfg(name, tag).get("hf_hub", ""))
    repository, _, file = place.rpartition("/")
    safe = f"{Path(file).stem}.safetensors" if file else WEIGHTS
    try:
        if try_to_load_from_cache(repository, safe) is _CACHED_NO_EXIST:
            raise EntryNotFoundError
        hf_hub_download(repository, safe)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError as error:
        raise JudgeError(
            f"judge {spec!r} is not read: its weights are there only as a pickle, which can run "
            "code when it is read; where you trust them, load them with open_clip, save them with "
            f"safetensors as {WEIGHTS} beside {CONFIG}, and give clip:{LOCAL}FOLDER"
        ) from error


def hash_of_weights(model: torch.nn.Module) -> str:
    """SHA-256 over the names and bytes of a model's tensors, for weights that came from afar."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
