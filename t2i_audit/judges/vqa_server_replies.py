"""What a server replies to a question, and what of it is yes and what is no."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ValidationError

from t2i_audit.judges.vqa_verdict import Answer

CHANGES = "the model's answer changes with the order of the words yes and no"
# Marks of tokenizers for a space and a line break, where a server does not decode single tokens.
MARKS = str.maketrans("▁ĠĊ", "   ")
# Yes or no, and then nothing or a mark that ends it: "Yes.", "**No**, it is blue", "no"; but not
# "no doubt" or "yes and no".
WORD = re.compile(r"[\W_]*(yes|no)(?:[\W_]*$|\s*[.,;:!\n])", re.IGNORECASE)


class Token(BaseModel):
    """A token and the logarithm of its probability."""

    token: str
    logprob: float


class FirstToken(Token):
    """The token of an answer, and the most probable tokens in its place."""

    top_logprobs: list[Token] | None = None


class Logprobs(BaseModel):
    """The probabilities of an answer's tokens, in order."""

    content: list[FirstToken] | None = None


class Message(BaseModel):
    """The answer in words."""

    content: str | None = None


class Choice(BaseModel):
    """One answer."""

    message: Message
    logprobs: Logprobs | None = None


class Reply(BaseModel):
    """The part of a chat completion that a judge reads."""

    choices: list[Choice]
    model: str | None = None
    system_fingerprint: str | None = None

    @property
    def words(self) -> str:
        """The answer in words."""
        return (self.choices[0].message.content or "") if self.choices else ""

    @property
    def is_yes(self) -> bool | None:
        """Whether the words say yes; None where they say neither yes nor no."""
        found = WORD.match(self.words)
        return None if found is None else found[1].casefold() == "yes"

    @property
    def answer(self) -> Answer:
        """The answer by the probabilities of its first token.

        Those of yes and of no are sums over all of their forms among the most probable tokens
        (``Yes``, `` yes``, ``YES``). Where one of the two is not among them, it is given the
        probability of the least probable one, which it cannot exceed.
        """
        first = self._first
        if not first:
            return Answer(math.nan, 0)
        yes = math.fsum(math.exp(value) for word, value in first if word == "yes")
        no = math.fsum(math.exp(value) for word, value in first if word == "no")
        least = math.exp(min(value for _, value in first))
        return Answer(math.log(max(yes, least)) - math.log(max(no, least)), yes + no)

    @property
    def _first(self) -> list[tuple[str, float]]:
        """The most probable first tokens in lower case, and their log-probabilities."""
        if not self.choices or self.choices[0].logprobs is None:
            return []
        tokens: Iterable[Token] = ()
        for token in (self.choices[0].logprobs.content or [])[:1]:
            tokens = token.top_logprobs or [token]
        # Some servers write the logarithm of 0 as a large negative number.
        return [
            (each.token.translate(MARKS).strip().casefold(), min(each.logprob, 0.0))
            for each in tokens
            if math.isfinite(each.logprob) and math.exp(min(each.logprob, 0.0)) > 0
        ]


def read_reply(body: bytes) -> Reply:
    """Read the body of a chat completion.

    Raises:
        ValueError: it is none.
    """
    try:
        reply = Reply.model_validate_json(body)
    except ValidationError as error:
        raise ValueError("is no chat completion") from error
    if not reply.choices:
        raise ValueError("holds no answer")
    return reply


def answer_in_words(replies: Sequence[Reply]) -> Answer:
    """The answer to a question that was asked in several orders, by the words of the replies.

    Yes and no are certain: words have no probabilities.
    """
    said = {reply.is_yes for reply in replies}
    if None in said:
        return Answer(math.nan, 0)
    if len(said) > 1:
        return Answer(math.nan, 0, CHANGES)
    return Answer(math.inf if said.pop() else -math.inf, 1)


def answer_in_probabilities(replies: Sequence[Reply]) -> Answer:
    """The same by the probabilities of the first token: the mean of the log-odds."""
    answers = [reply.answer for reply in replies]
    return Answer(
        math.fsum(each.log_odds for each in answers) / len(answers),
        math.fsum(each.mass for each in answers) / len(answers),
    )
