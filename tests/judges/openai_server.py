"""A small server that speaks OpenAI's protocol, and can be made to fail in every way."""

from __future__ import annotations

import base64
import io
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

MODEL = "tests/judge"


@dataclass(frozen=True)
class Asked:
    """A question that the server received."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]
    """By their names in lower case."""
    count: int
    """How many requests came before."""

    @property
    def text(self) -> str:
        return str(self.body["messages"][0]["content"][1]["text"])

    @property
    def pixels(self) -> np.ndarray:
        """The image, ``(height, width, 3)``."""
        url = self.body["messages"][0]["content"][0]["image_url"]["url"]
        head, _, data = url.partition(",")
        assert head == "data:image/png;base64"
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@dataclass(frozen=True)
class Sent:
    """What it replies."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Behaviour = Callable[[Asked], Sent]


@dataclass
class Running:
    """A server while it runs."""

    port: int
    behaviour: Behaviour
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def spec(self) -> str:
        return f"vqa:{self.address}#{MODEL}"


@contextmanager
def serving(behaviour: Behaviour, *, port: int = 0) -> Iterator[Running]:
    """Serve on the loopback address, on any free port if `port` is 0."""
    lock = threading.Lock()
    now = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # a reply in one packet
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            nonlocal now
            raw = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(json.loads(raw), headers, len(running.asked))
                running.asked.append(asked)
                now += 1
                running.most_at_once = max(running.most_at_once, now)
            try:
                known = self.path == "/v1/chat/completions"
                self.send(running.behaviour(asked) if known else Sent({"detail": "Not Found"}, 404))
            finally:
                with lock:
                    now -= 1

        def do_GET(self) -> None:
            listed = Sent({"data": [{"id": MODEL}, {"id": "tests/other"}]})
            self.send(listed if self.path == "/v1/models" else Sent({"detail": "Not Found"}, 404))

        def send(self, sent: Sent) -> None:
            body = sent.body if isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
            self.send_response(sent.status)
            for name, value in ({"content-length": str(len(body))} | dict(sent.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # connections that are opened at once
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Say nothing: a client that gives up is expected."""

    server = Server(("127.0.0.1", port), Handler)
    running = Running(server.server_address[1], behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def words(text: str, **more: Any) -> Sent:
    """A reply in words alone."""
    message = {"role": "assistant", "content": text}
    return Sent({"model": MODEL, "choices": [{"index": 0, "message": message, **more}]})


def odds(tokens: Mapping[str, float]) -> Sent:
    """A reply whose first token has these probabilities."""
    best = max(tokens, key=lambda token: tokens[token])
    top = [{"token": token, "logprob": math.log(p)} for token, p in tokens.items()]
    first = {"token": best, "logprob": math.log(tokens[best]), "top_logprobs": top}
    return words(best, logprobs={"content": [first]})


def probable(probability: float) -> Sent:
    """A reply of which this is the probability of yes."""
    return odds({"Yes": 0.98 * probability, "No": 0.98 * (1 - probability), "The": 0.02})


def refused(status: int, message: str, **headers: str) -> Sent:
    """A reply that is an error, as OpenAI words it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent({"error": {"message": message, "type": "error"}}, status, named)
