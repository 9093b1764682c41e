"""Images judged by asking the built-in VQA model, against a plain loop over the same questions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

from scripts.benchmarks.line import Line, over, timed

if TYPE_CHECKING:
    from prompts.structure import Prompt

IMAGES = 96


def judging(rounds: int, limit: int) -> list[Line]:
    """Judge renders of the rendered world; both ask the same texts in batches of one size."""
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from t2i_audit.judges.questions import questions_of
    from t2i_audit.judges.vqa import AT_ONCE, VqaJudge
    from t2i_audit.judges.vqa_wording import in_both_orders
    from t2i_audit.models.builtin import builtin_folder

    folder = builtin_folder("vqa-judge")
    judge = VqaJudge.from_spec("vqa", device="cpu")
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    prompts, images = renders(min(limit, IMAGES))
    asked = [
        (image, text)
        for image, prompt in zip(images, prompts, strict=True)
        for question in dict.fromkeys(each.text for each in questions_of(prompt))
        for text in in_both_orders(question)
    ]
    yes, no = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])

    def plain() -> list[float]:
        found: list[float] = []
        for start in range(0, len(asked), AT_ONCE):
            conversations = [
                [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "image": Image.fromarray(image)},
                            {"type": "text", "text": text},
                        ],
                    }
                ]
                for image, text in asked[start : start + AT_ONCE]
            ]
            inputs = processor.apply_chat_template(
                conversations,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                processor_kwargs={"padding": True, "return_tensors": "pt"},
            )
            with torch.no_grad():
                logits = model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1]
            found += (logits[:, yes] - logits[:, no]).tolist()
        return found

    def ours() -> object:
        return judge.judge(images, prompts)

    ours()
    seconds, others = [], []
    for _ in range(rounds):
        seconds.append(timed(ours))
        others.append(timed(plain))
    per_second = len(images) / sorted(seconds)[len(seconds) // 2]
    what = f"judge {len(images)} images by {len(asked)} questions: ours over a plain loop"
    remark = f"vqa judges {per_second:.1f} images/s in batches of {AT_ONCE} questions"
    return [Line(what, tuple(seconds), over(seconds, others), "<= 1.05", remark)]


def renders(count: int) -> tuple[list[Prompt], np.ndarray]:
    """Prompts with two objects in a relation, each with its render."""
    from prompts.world import content_of, sample_prompt
    from t2i_audit.world.render import render
    from t2i_audit.world.scenes import place

    rng, scene_rng = random.Random(0), np.random.default_rng(0)
    prompts = [sample_prompt(rng, "relation") for _ in range(count)]
    return prompts, render([place(content_of(prompt), scene_rng) for prompt in prompts])
