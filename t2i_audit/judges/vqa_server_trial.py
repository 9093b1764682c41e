"""A trial of a server: how its model is asked, decided once, before any image is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from t2i_audit.judges.vqa_server_client import Client, Declined
from t2i_audit.judges.vqa_server_replies import Reply, answer_in_probabilities, answer_in_words
from t2i_audit.judges.vqa_server_spec import ServerSpec
from t2i_audit.judges.vqa_verdict import Answer
from t2i_audit.judges.vqa_wording import in_both_orders

QUESTION = "Is there a square?"
SIDE = 256  # pixels of the image in the trial
# OpenAI's newer models refuse the older name, and other servers do not know the newer one.
LENGTHS = ("max_tokens", "max_completion_tokens")
# Probabilities that are asked for: OpenAI's and vLLM's most, what stricter servers give, none.
TOPS = (20, 5, 0)
WORDS = 16  # tokens of an answer in words


@dataclass(frozen=True)
class Method:
    """How a server is asked."""

    length: str
    """Name of the field for the number of tokens in an answer."""
    top: int
    """Number of log-probabilities asked for; 0 reads the answer's words instead."""

    def body(self, model: str, image: str, text: str) -> dict[str, Any]:
        """The request that asks `model` a question, of an `image` as a data URL."""
        content = [
            {"type": "image_url", "image_url": {"url": image}},
            {"type": "text", "text": text},
        ]
        odds = {"logprobs": True, "top_logprobs": self.top} if self.top else {}
        return {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            self.length: 1 if self.top else WORDS,
            **odds,
        }

    def answer(self, replies: Sequence[Reply]) -> Answer:
        """The answer to a question from the replies in both orders."""
        return answer_in_probabilities(replies) if self.top else answer_in_words(replies)

    @property
    def fingerprint(self) -> str:
        """The method in words."""
        if not self.top:
            return f"the answer's words, at most {WORDS} tokens"
        return f"probabilities of the answer's first token, the {self.top} largest"


@dataclass(frozen=True)
class Trial:
    """What a trial has found."""

    method: Method
    model: str
    """Name of the model as it stands in the server's replies, which may be a version's."""
    system: str
    """The server's fingerprint of its system; empty if it gives none, or several at a time."""


def try_server(client: Client) -> Trial:
    """Ask one question in each way until one is answered with yes or no.

    Raises:
        JudgeError: none is, or the server cannot be used.
    """
    image = data_url(square())
    declined = prose = ""
    for length, top in product(LENGTHS, TOPS):
        method = Method(length, top)
        texts = in_both_orders(QUESTION)
        replies = client.complete([method.body(client.spec.model, image, t) for t in texts])
        answered = [reply for reply in replies if isinstance(reply, Reply)]
        refusals = [reply for reply in replies if isinstance(reply, Declined)]
        if refusals:
            declined = f"HTTP {refusals[0].status}: {refusals[0].reason}"
            continue
        # One order is enough here: which square it sees is not the question.
        if any(method.answer([reply]).is_given for reply in answered):
            return _found(client.spec, method, answered)
        prose = client.spec.shown(answered[0].words)
    if prose or not declined:
        raise client.spec.error(
            f"asked a question and to answer yes or no, it says {prose!r}; give a model that "
            "answers questions about images, and one that does not think aloud first"
        )
    raise client.spec.error(
        f"its server declines a question about an image ({declined}); give a model that answers "
        "questions about images"
    )


def _found(spec: ServerSpec, method: Method, replies: Sequence[Reply]) -> Trial:
    systems = {spec.shown(reply.system_fingerprint or "") for reply in replies}
    # Several machines with several fingerprints answer for some models; which, is chance.
    system = systems.pop() if len(systems) == 1 else ""
    return Trial(method, spec.shown(replies[0].model or ""), system)


def square() -> np.ndarray:
    """A black square on white, ``(SIDE, SIDE, 3)`` in ``uint8``."""
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pixels[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 0
    return pixels


def data_url(pixels: np.ndarray) -> str:
    """A ``uint8`` image ``(height, width, 3)`` as a PNG in a URL."""
    import base64
    import io

    from PIL import Image

    stream = io.BytesIO()
    # Files are sent once and kept nowhere, so that time counts and size does not.
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
