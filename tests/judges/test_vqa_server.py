"""The judge that asks a server, against a real one that can be made to fail in every way."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from prompts.structure import Prompt
from prompts.world import Content, write
from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judgement
from t2i_audit.judges.load import load_judge, load_reader
from t2i_audit.judges.questions import questions_of
from t2i_audit.judges.scope import scope_lines
from t2i_audit.judges.vqa_server import DECLINED, VqaServerJudge
from t2i_audit.judges.vqa_server_client import CONCURRENT, Client, Patience
from t2i_audit.judges.vqa_server_replies import CHANGES, Reply, read_reply
from t2i_audit.judges.vqa_server_spec import KEY, parse_server
from t2i_audit.judges.vqa_server_trial import QUESTION, Method, data_url
from t2i_audit.judges.vqa_verdict import NEITHER, Answer, judgement_of
from tests.judges.openai_server import (
    MODEL,
    Asked,
    Behaviour,
    Running,
    Sent,
    odds,
    probable,
    refused,
    serving,
    words,
)

PROMPTS = (
    write(Content((("red", "star"), ("blue", "cross")), "above")),
    write(Content((("green", "circle"),), None)),
)
AUTH = "authorization"
PLAIN = Prompt("plain", "a dog", "t", "t", (), ())
DOT = data_url(np.zeros((1, 1, 3), np.uint8))
HASTE = Patience(answer=20, recovery=0, limits=0, attempts=1)


def pictures(count: int) -> np.ndarray:
    """Images of which each is of one shade, from dark to light, ``(count, 32, 32, 3)``."""
    shades = np.linspace(10, 240, count).astype(np.uint8)
    return np.broadcast_to(shades[:, None, None, None], (count, 32, 32, 3)).copy()


def by_shade(asked: Asked) -> float:
    """A probability of yes that depends on the image, the question and the order."""
    size = len(asked.text) % 7 + (1 if "no or yes" in asked.text else 0)
    return float(0.02 + 0.9 * asked.pixels.mean() / 255 * (size + 1) / 8)


def in_odds(asked: Asked) -> Sent:
    return probable(by_shade(asked))


@pytest.fixture
def start() -> Iterator[Callable[[Behaviour], Running]]:
    """Starts servers, which are stopped at the end."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda behaviour: stack.enter_context(serving(behaviour))


Start = Callable[[Behaviour], Running]


def judged(server: Running, prompts: tuple[Prompt, ...] = PROMPTS) -> list[Judgement]:
    """The verdicts on an image of each of `prompts`."""
    return VqaServerJudge.from_spec(server.spec).judge(pictures(len(prompts)), prompts)


def after_trial(behaviour: Behaviour) -> Behaviour:
    """`behaviour`, but a probability for the trial's question."""
    return lambda asked: probable(0.9) if QUESTION in asked.text else behaviour(asked)


def test_the_probabilities_of_both_orders_are_averaged_as_logits(start: Start) -> None:
    server = start(in_odds)
    verdicts = judged(server)

    asked = [each for each in server.asked if QUESTION not in each.text]
    assert len(asked) == 2 * (6 + 3)
    for verdict, prompt, pixels in zip(verdicts, PROMPTS, pictures(2), strict=True):
        answers = []
        for question in questions_of(prompt):
            own = [
                by_shade(each)
                for each in asked
                if each.text.startswith(question.text) and (each.pixels == pixels).all()
            ]
            assert len(own) == 2
            answers.append(Answer(float(np.mean(logit(own))), 0.98))
        expected = judgement_of(prompt, answers)
        assert (verdict.correct, verdict.flaw) == (expected.correct, "")
        assert verdict.slots == expected.slots
        assert verdict.slot_probabilities == pytest.approx(expected.slot_probabilities)
        assert verdict.scores == pytest.approx(expected.scores)


@given(st.floats(0.001, 1), st.floats(0.001, 1), st.floats(0.001, 1), st.floats(0, 1))
def test_all_forms_of_yes_and_of_no_count(yes: float, also: float, no: float, other: float) -> None:
    whole = yes + also + no + other
    tokens = {"Yes": yes, " yes": also, "▁No": no} | ({"The": other} if other else {})
    sent = odds({token: value / whole for token, value in tokens.items()}).body
    answer = Reply.model_validate(sent).answer

    assert answer.mass == pytest.approx((yes + also + no) / whole)
    assert answer.log_odds == pytest.approx(np.log((yes + also) / no), abs=1e-9)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({"Yes": 0.9, "The": 0.05, "A": 0.01}, np.log(0.9 / 0.01)),
        ({"no": 0.9, "The": 0.05}, np.log(0.05 / 0.9)),
        ({"<think>": 0.99, "Yes": 0.001, "No": 0.0001}, None),
        ({"The": 0.9, "It": 0.05}, None),
    ],
)
def test_what_is_not_among_the_probable_tokens_counts_as_the_least_of_them(
    tokens: dict[str, float], expected: float | None
) -> None:
    answer = Reply.model_validate(odds(tokens).body).answer

    assert (answer.log_odds if answer.is_given else None) == pytest.approx(expected)


@pytest.mark.parametrize(
    "first",
    [
        '{"token": "Yes", "logprob": NaN, "top_logprobs": []}',
        '{"token": "Yes", "logprob": -Infinity, "top_logprobs": null}',
        '{"token": "No", "logprob": -9999.0}',
    ],
)
def test_a_probability_that_is_none_is_not_used(first: str) -> None:
    body = f'{{"choices": [{{"message": {{}}, "logprobs": {{"content": [{first}]}}}}]}}'

    assert not read_reply(body.encode()).answer.is_given


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True), ("No.", False), ("Yes, there is.", True), (" **No**\n", False),
        ("no: it is blue", False), ("NO", False), ("I think it is red", None), ("", None),
        ("yes and no", None), ("No doubt it is red", None), ("Nothing", None), ("yesterday", None),
        ("<think>yes</think>", None),
    ],
)  # fmt: skip
def test_words_are_yes_or_no_only_where_they_say_so(text: str, expected: bool | None) -> None:
    assert Reply.model_validate(words(text).body).is_yes is expected


def test_a_server_without_probabilities_is_asked_for_words(start: Start) -> None:
    def says(asked: Asked) -> Sent:
        if "star?" in asked.text:
            return words("I think it is red")
        if "cross?" in asked.text:
            return words("Yes" if "yes or no" in asked.text else "No")
        return words("No." if "circle" in asked.text else "Yes, it is.")

    star, circle = judged(start(says))

    assert (star.correct, star.flaw, star.readable) == (None, NEITHER, False)
    assert (circle.correct, circle.probability) == (False, 0.0)
    assert {circle.scores[name] for name in ("caption", "arithmetic_mean", "geometric_mean")} == {0}
    assert math.isnan(circle.margin)  # words have no unit


def test_answers_in_words_that_follow_the_order_of_the_words_are_an_abstention(
    start: Start,
) -> None:
    def last_word(asked: Asked) -> Sent:
        return words(asked.text.rstrip(".").split()[-1])

    (verdict,) = judged(start(last_word), (PROMPTS[1],))

    assert (verdict.correct, verdict.flaw, verdict.readable) == (None, CHANGES, False)


def strict(*, fields: tuple[str, ...] = (), most: int = 20) -> Behaviour:
    """A server that refuses unknown `fields`, and more than `most` probabilities."""

    def behaviour(asked: Asked) -> Sent:
        unknown = [each for each in fields if each in asked.body]
        if unknown:
            return refused(400, f"Unsupported parameter: {unknown[0]}")
        if asked.body.get("top_logprobs", 0) > most:
            return refused(422, f"top_logprobs must be at most {most}")
        return in_odds(asked) if asked.body.get("logprobs") else words("yes")

    return behaviour


@pytest.mark.parametrize(
    ("behaviour", "method"),
    [
        (strict(), Method("max_tokens", 20)),
        (strict(most=5), Method("max_tokens", 5)),
        (strict(fields=("logprobs",)), Method("max_tokens", 0)),
        (strict(fields=("max_tokens",)), Method("max_completion_tokens", 20)),
        (strict(fields=("max_tokens", "logprobs")), Method("max_completion_tokens", 0)),
        (lambda asked: words("No"), Method("max_tokens", 0)),
    ],
)
def test_one_trial_finds_how_a_server_is_asked(
    behaviour: Behaviour, method: Method, start: Start
) -> None:
    server = start(behaviour)
    judge = VqaServerJudge.from_spec(server.spec)
    trials = len(server.asked)
    judge.judge(pictures(1), (PROMPTS[1],))

    assert judge.trial.method == method
    assert judge.fingerprint["method"] == method.fingerprint
    assert len(server.asked) == trials + 2 * 3
    assert all(each.body["temperature"] == 0 for each in server.asked)


def test_the_fingerprint_names_model_and_system_but_no_address(start: Start) -> None:
    def versioned(asked: Asked) -> Sent:
        sent = in_odds(asked)
        sent.body.update(model="tests/judge-2026", system_fingerprint="fp_1")
        return sent

    def varied(asked: Asked) -> Sent:
        sent = in_odds(asked)
        sent.body.update(system_fingerprint=f"fp_{asked.count}")
        return sent

    one, two = start(versioned), start(versioned)
    judge = VqaServerJudge.from_spec(one.spec)

    assert judge.fingerprint["served_model"] == MODEL
    assert judge.fingerprint["answering_model"] == "tests/judge-2026"
    assert judge.fingerprint["system_fingerprint"] == "fp_1"
    assert judge.fingerprint == VqaServerJudge.from_spec(two.spec).fingerprint
    assert judge.name == f"vqa:server#{MODEL}"
    assert VqaServerJudge.from_spec(start(varied).spec).fingerprint["system_fingerprint"] == ""


def test_a_prompt_without_constituents_is_asked_for_by_its_caption(start: Start) -> None:
    (verdict,) = judged(start(lambda asked: probable(0.8)), (PLAIN,))

    assert (verdict.correct, dict(verdict.slots)) == (True, {})
    assert verdict.scores["caption"] == pytest.approx(0.8)


def test_many_requests_are_under_way_and_no_more_than_the_bound(start: Start) -> None:
    together = threading.Barrier(CONCURRENT, timeout=30)

    def wait(asked: Asked) -> Sent:
        if QUESTION not in asked.text:
            together.wait()  # breaks unless as many as the bound are under way
        return in_odds(asked)

    server = start(wait)
    prompts = PROMPTS[:1] * 8  # 8 images, 6 questions, 2 orders: three times the bound
    verdicts = VqaServerJudge.from_spec(server.spec).judge(pictures(8), prompts)

    assert server.most_at_once == CONCURRENT
    assert verdicts == VqaServerJudge.from_spec(start(in_odds).spec).judge(pictures(8), prompts)


def test_failures_that_pass_change_nothing(start: Start) -> None:
    seen: set[tuple[str, float]] = set()

    def first_fails(asked: Asked) -> Sent:
        key = asked.text, float(asked.pixels.mean())
        if key in seen:
            return in_odds(asked)
        seen.add(key)
        if asked.count % 3 == 0:
            return refused(429, "Rate limit reached", Retry_After="0")
        return (refused(503, "overloaded"), Sent(b"<html>Bad gateway"))[asked.count % 3 - 1]

    assert judged(start(first_fails)) == judged(start(in_odds))


@pytest.mark.parametrize("as_date", [False, True])
def test_a_server_that_limits_requests_is_not_asked_again_before_its_time(
    as_date: bool, start: Start
) -> None:
    asked_at: list[float] = []

    def limited(asked: Asked) -> Sent:
        if QUESTION in asked.text:
            return probable(0.9)
        asked_at.append(time.time())
        if len(asked_at) > 1:
            return in_odds(asked)
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
        return refused(429, "Rate limit reached", Retry_After=date if as_date else "1")

    server = start(limited)
    judge = VqaServerJudge.from_spec(server.spec)

    assert len(judge.client.complete([judge.trial.method.body(MODEL, DOT, "Is it?")])) == 1
    assert len(asked_at) == 2
    assert asked_at[1] - asked_at[0] >= 1  # a date has whole seconds, of which 2 are at least 1


def test_a_failure_after_a_long_limit_is_given_its_own_time(start: Start) -> None:
    replies = [
        *[refused(429, "Rate limit reached", Retry_After="0.1")] * 10,
        *[refused(503, "overloaded", Retry_After="0")] * 4,
    ]

    def limited(asked: Asked) -> Sent:
        return replies[asked.count] if asked.count < len(replies) else in_odds(asked)

    server = start(limited)
    client = Client(parse_server(server.spec), Patience(recovery=0.9, limits=60, attempts=3))
    (reply,) = client.complete([Method("max_tokens", 20).body(MODEL, DOT, "Is it?")])

    assert isinstance(reply, Reply)
    assert len(server.asked) == 15


def test_a_wait_beyond_all_patience_is_refused_at_once(start: Start) -> None:
    server = start(lambda asked: refused(429, "Quota exceeded", Retry_After="86400"))

    with pytest.raises(JudgeError, match=r"HTTP 429 \(Quota exceeded\); wait, and then"):
        VqaServerJudge.from_spec(server.spec)
    assert len(server.asked) <= 2


def test_a_server_that_is_down_is_one_sentence() -> None:
    with serving(in_odds) as server:
        pass

    with pytest.raises(JudgeError, match=r"its server cannot be reached .*check the server"):
        VqaServerJudge.from_spec(server.spec, patience=HASTE)


@pytest.mark.parametrize("host", ["a..b", "xn--", "a" * 300, "1.2.3.400", "\u2603", "[::1%25lo]:1"])
def test_a_host_that_is_none_is_one_sentence(host: str) -> None:
    with pytest.raises(JudgeError, match=r"cannot be reached|cannot be read"):
        VqaServerJudge.from_spec(f"vqa:http://{host}/v1#m", patience=HASTE)


def test_a_server_that_is_too_slow_is_one_sentence(start: Start) -> None:
    done = threading.Event()

    def slow(asked: Asked) -> Sent:
        done.wait(30)
        return in_odds(asked)

    server = start(slow)
    with pytest.raises(JudgeError, match=r"gave no answer within 0.5 s"):
        VqaServerJudge.from_spec(server.spec, patience=replace(HASTE, answer=0.5))
    done.set()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (refused(401, "No key"), f"HTTP 401 .No key.; put the key into the variable {KEY}"),
        (refused(403, "Forbidden"), f"HTTP 403 .Forbidden.; put the key into the variable {KEY}"),
        (refused(404, "No such model"), "No such model.*the server has tests/judge, tests/other$"),
        (refused(400, "not multimodal"), "HTTP 400: not multimodal.*questions about images"),
        (refused(402, "Pay first"), "HTTP 402 .Pay first."),
        (Sent(b"<html>Welcome</html>"), "something that is no chat completion"),
        (Sent({"choices": []}), "something that holds no answer"),
        (Sent({"choices": "none"}), "something that is no chat completion"),
        (Sent(b"\xff\xfe"), "something that is no chat completion"),
        (Sent(b"[" * 100_000), "something that is no chat completion"),
        (Sent(b"[" * 100_000, 500), r"HTTP 500 .\[\[\["),
        (Sent({}, 503, {"retry-after": "\u00b2"}), "replied with HTTP 503; check the server"),
        (Sent({}, 307, {"location": "http://["}), "redirects to %5B"),
        (Sent({}, 307, {"location": "/v1/other"}), "redirects to 127.0.0.1"),
        (Sent({}, 307), "HTTP 307"),
        (Sent(b" " * 5_000_000), "more than 4,000,000 bytes"),
        (words("I see a square."), "it says 'I see a square'; give a model"),
        (odds({"<think>": 0.9, "Yes": 0.01}), "it says '<think>'.*think aloud"),
    ],
)
def test_a_server_that_cannot_judge_is_one_sentence(sent: Sent, said: str, start: Start) -> None:
    server = start(lambda asked: sent)

    with pytest.raises(JudgeError, match=said) as caught:
        VqaServerJudge.from_spec(server.spec, patience=HASTE)
    assert str(caught.value).startswith(f"judge '{server.spec}' cannot judge: ")
    assert "\n" not in str(caught.value)


def test_another_path_is_told_from_another_model(start: Start) -> None:
    server = start(in_odds)
    wrong = server.spec.replace("/v1", "/v2")

    with pytest.raises(JudgeError, match=r"HTTP 404 \(Not Found\); check .*address"):
        VqaServerJudge.from_spec(wrong, patience=HASTE)


def test_a_declined_question_is_an_abstention_and_the_others_are_judged(start: Start) -> None:
    def too_long(asked: Asked) -> Sent:
        return refused(400, "too many tokens") if "star" in asked.text else probable(0.8)

    star, circle = judged(start(after_trial(too_long)))

    assert (star.correct, star.flaw) == (None, DECLINED)
    assert star.slots["object_1.colour"] is None
    assert star.slots["object_2.colour"] is True
    assert circle.flaw == ""


def test_a_server_that_declines_everything_of_a_batch_stops_the_run(start: Start) -> None:
    server = start(in_odds)
    judge = VqaServerJudge.from_spec(server.spec)
    server.behaviour = lambda asked: refused(400, "Server is pinned to 'another'")

    with pytest.raises(JudgeError, match="Server is pinned to 'another'"):
        judge.judge(pictures(1), PROMPTS[:1])

    # One image of which all is declined, by a server that still answers the trial, does not.
    server.behaviour = after_trial(server.behaviour)
    (verdict,) = judge.judge(pictures(1), PROMPTS[:1])
    assert (verdict.flaw, verdict.readable) == (DECLINED, False)


def test_another_model_in_the_middle_of_a_run_stops_it(start: Start) -> None:
    server = start(in_odds)
    judge = VqaServerJudge.from_spec(server.spec)

    def other(asked: Asked) -> Sent:
        sent = in_odds(asked)
        sent.body.update(model="tests/newer")
        return sent

    server.behaviour = other
    with pytest.raises(JudgeError, match="'tests/newer' answers now, and 'tests/judge' did before"):
        judge.judge(pictures(1), PROMPTS[:1])


def test_the_first_failure_stops_the_other_requests(start: Start) -> None:
    server = start(in_odds)
    judge = VqaServerJudge.from_spec(server.spec)
    server.behaviour = lambda asked: refused(401, "key expired")
    before = len(server.asked)

    with pytest.raises(JudgeError, match="key expired"):
        judge.judge(pictures(40), PROMPTS[:1] * 40)  # 480 requests
    assert len(server.asked) - before < 480 / 2


def test_a_redirect_is_told_and_not_followed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret-of-the-tests")
    elsewhere = start(in_odds)
    location = f"http://localhost:{elsewhere.port}/v1/chat/completions"
    server = start(lambda asked: Sent({}, 307, {"location": location}))

    with pytest.raises(JudgeError, match="redirects to localhost, so give that server's address"):
        VqaServerJudge.from_spec(server.spec)
    assert server.asked and not elsewhere.asked


def test_the_key_is_sent_and_in_no_message(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-secret-of-the-tests"
    monkeypatch.setenv(KEY, f" {key}\n")
    server = start(lambda asked: refused(401, f"Incorrect key: {asked.headers[AUTH]}"))

    with pytest.raises(JudgeError) as caught:
        VqaServerJudge.from_spec(server.spec)
    assert server.asked[0].headers[AUTH] == f"Bearer {key}"
    assert "Incorrect key: Bearer [" in str(caught.value)
    assert f"check the key in the variable {KEY}" in str(caught.value)
    assert key not in str(caught.value) + repr(parse_server(server.spec))


def test_a_key_that_the_server_repeats_is_not_in_the_fingerprint(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "sk-secret-of-the-tests")

    def repeating(asked: Asked) -> Sent:
        sent = in_odds(asked)
        sent.body.update(dict.fromkeys(("model", "system_fingerprint"), asked.headers[AUTH]))
        return sent

    server = start(repeating)
    judge = VqaServerJudge.from_spec(server.spec)

    assert "sk-secret" not in repr(judge) + str(judge.fingerprint)
    assert judge.judge(pictures(1), PROMPTS[1:])[0].flaw == ""


def test_a_key_for_another_service_is_not_sent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    server = start(in_odds)
    VqaServerJudge.from_spec(server.spec)

    assert all(AUTH not in each.headers for each in server.asked)


@pytest.mark.parametrize(
    "spec",
    [
        "vqa:http://me:hidden@host/v1#m",
        "vqa:https://hidden@host/v1#m",
        "vqa:http://host/v1?key=hidden#m",
        "vqa:http://host:hidden/v1#m",
        "vqa:http:/me:hidden@host/v1#m",
        "vqa:http://hid den/v1#m",
        "vqa:http://[hidden/v1#m",
        "vqa:http://#m",
    ],
)
def test_an_address_with_a_secret_or_none_is_refused_and_not_repeated(spec: str) -> None:
    with pytest.raises(JudgeError, match="the address of the judge's server") as caught:
        load_judge(spec, device="cpu")
    assert "hidden" not in str(caught.value)


def test_a_model_and_a_key_have_to_be_given() -> None:
    with pytest.raises(JudgeError, match="names no model"):
        parse_server("vqa:http://host/v1")
    with pytest.raises(JudgeError, match=f"the variable {KEY} holds") as caught:
        parse_server("vqa:http://host/v1#m", {KEY: "hid\nden"})
    assert "hid" not in str(caught.value).replace("hidden", "")


@pytest.mark.parametrize(
    ("spec", "address", "name"),
    [
        ("vqa:http://h:8000/v1/#Qwen/Qwen3-VL", "http://h:8000/v1", "vqa:server#Qwen/Qwen3-VL"),
        ("vqa:https://h/v1/chat/completions#m@main", "https://h/v1", "vqa:server#m@main"),
        ("vqa:http://[::1]:80/v1#/data/models/qwen/", "http://[::1]:80/v1", "vqa:server#qwen"),
    ],
)
def test_the_name_in_results_has_neither_address_nor_folder(
    spec: str, address: str, name: str
) -> None:
    parsed = parse_server(spec, {})

    assert (parsed.address, parsed.name) == (address, name)


def test_prompts_are_in_scope_without_asking_the_server() -> None:
    reader = load_reader("vqa:http://localhost:1/v1#m")

    scope = reader.scope((*PROMPTS, PLAIN))
    assert not scope.unjudgeable
    (line,) = scope_lines(reader, scope, 3)
    assert line.startswith("vqa:server#m runs on a server, which does not say how long")


def test_it_judges_where_an_event_loop_runs_already_as_in_a_notebook(start: Start) -> None:
    server = start(in_odds)

    async def cell() -> list[Judgement]:
        return judged(server)

    assert asyncio.run(cell()) == judged(server)


def test_the_official_client_sends_and_reads_the_same(start: Start) -> None:
    server = start(in_odds)
    judge = VqaServerJudge.from_spec(server.spec)
    ours = server.asked[0].body
    client = openai.OpenAI(base_url=server.address, api_key="none")
    reply = client.chat.completions.create(**ours)

    assert server.asked[-1].body == ours
    (read,) = judge.client.complete([ours])
    assert isinstance(read, Reply)
    top = {each.token: each.logprob for each in reply.choices[0].logprobs.content[0].top_logprobs}
    assert read.answer.log_odds == pytest.approx(top["Yes"] - top["No"])
    assert (read.words, read.model) == (reply.choices[0].message.content, reply.model)
