"""The VQA judge whose model runs on a server: vLLM, SGLang, ``transformers serve``, or hosted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from prompts.structure import Prompt
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.guessing import Guess, guess_at_questions
from t2i_audit.judges.questions import CAPTION, VERSION, questions_of
from t2i_audit.judges.scope import Scope
from t2i_audit.judges.vqa_server_client import Client, Declined, Patience
from t2i_audit.judges.vqa_server_replies import Reply
from t2i_audit.judges.vqa_server_spec import ServerSpec, parse_server
from t2i_audit.judges.vqa_server_trial import Trial, data_url, try_server
from t2i_audit.judges.vqa_verdict import LEAST_MASS, RULE, Answer, judgement_of
from t2i_audit.judges.vqa_wording import ORDERS, in_both_orders

DECLINED = "the judge's server declines a question about the image"
REMARK = (
    "{name} runs on a server, which does not say how long a text it reads; images of which it "
    "declines a question are left out and counted"
)


@dataclass(frozen=True)
class ServerReader:
    """The part of the judge that reads prompts, which does not ask the server."""

    spec: ServerSpec
    window: int | None = None

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.spec.name

    @property
    def advice(self) -> str:
        """What the user can do about prompts that it cannot judge."""
        return "its server says only when asked what it cannot read; such images are counted"

    def scope(self, prompts: Sequence[Prompt]) -> Scope:
        """All of `prompts`, with the remark that this cannot be known beforehand."""
        return Scope({}, remarks=(REMARK.format(name=self.name),))


@dataclass(frozen=True, kw_only=True)
class VqaServerJudge(ServerReader):
    """Asks a server the questions of each prompt, and judges by its answers."""

    client: Client
    trial: Trial

    @classmethod
    def from_spec(cls, spec: str, *, patience: Patience | None = None) -> VqaServerJudge:
        """Try the server of ``vqa:http://HOST/v1#MODEL``.

        Args:
            spec: the judge as on the command line.
            patience: how long the server is waited for while images are judged.

        Raises:
            JudgeError: the address is none, or the server cannot be used as a judge.
        """
        parsed = parse_server(spec)
        patient = patience or Patience()
        trial = try_server(
            Client(parsed, replace(patient, recovery=min(5, patient.recovery), attempts=1))
        )
        return cls(parsed, client=Client(parsed, patient), trial=trial)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Everything that its verdicts depend on, as far as the server tells it.

        The server's address is none of it: a server may come back at another one.
        """
        return {
            "judge": "vqa",
            "served_model": self.spec.model,
            "answering_model": self.trial.model,
            "system_fingerprint": self.trial.system,
            "method": self.trial.method.fingerprint,
            "temperature": "0",
            "questions": VERSION,
            "caption": CAPTION,
            "instructions": " | ".join(ORDERS),
            "least_mass": str(LEAST_MASS),
            "rule": RULE,
        }

    def move_to(self, device: str) -> None:
        """Nothing to move: the weights are the server's."""

    def guess(self, prompt: Prompt) -> Guess:
        """What yes or no by chance to every question would give."""
        return guess_at_questions(questions_of(prompt))

    def judge(self, images: np.ndarray, prompts: Sequence[Prompt]) -> list[Judgement]:
        """Judge ``uint8`` images ``(b, height, width, 3)``; the margin is in log-odds.

        Raises:
            JudgeError: the server is down, too slow or refuses, or another model answers.
        """
        asked = [questions_of(prompt) for prompt in prompts]
        # One request for questions that are the same.
        texts = [tuple(dict.fromkeys(each.text for each in questions)) for questions in asked]
        urls = [data_url(image) for image in images]
        replies = iter(
            self.client.complete(
                [
                    self.trial.method.body(self.spec.model, url, put)
                    for url, own in zip(urls, texts, strict=True)
                    for text in own
                    for put in in_both_orders(text)
                ]
            )
        )
        answers = [
            {text: self._answer([next(replies) for _ in ORDERS]) for text in own} for own in texts
        ]
        if all(answer.flaw == DECLINED for own in answers for answer in own.values()):
            try_server(self.client)  # which says what is wrong if nothing is answered any more
        return [
            judgement_of(prompt, [own[question.text] for question in questions])
            for prompt, questions, own in zip(prompts, asked, answers, strict=True)
        ]

    def _answer(self, replies: Sequence[Reply | Declined]) -> Answer:
        answered = [reply for reply in replies if isinstance(reply, Reply)]
        if len(answered) < len(replies):
            return Answer(math.nan, 0, DECLINED)
        for reply in answered:
            other = self.spec.shown(reply.model or "")
            if other != self.trial.model:
                raise self.spec.error(
                    f"the model {other!r} answers now, and {self.trial.model!r} did before; give "
                    "the model's full name, or another --out"
                )
        return self.trial.method.answer(answered)
