"""A real server of S3 on this machine, which can be told to fail."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

BUCKET = "bucket"
KEYS = {
    "AWS_ACCESS_KEY_ID": "a-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",  # so that what fails does so soon; the program tries again itself
}


@dataclass
class S3:
    """The server and what it was asked."""

    address: str = ""
    refuses: Callable[[str, str], int | None] = lambda method, path: None
    """From the method and the path, the status to answer with; None to answer as S3 does."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each."""

    @property
    def environment(self) -> dict[str, str]:
        return {**KEYS, "AWS_ENDPOINT_URL": self.address}

    @contextmanager
    def failing(self, method: str, pattern: str, *, first: int, status: int) -> Iterator[None]:
        """Answer the requests that match with `status`, from the `first` on."""
        counter = iter(range(1, 10**6))

        def refuses(asked: str, path: str) -> int | None:
            matches = asked == method and re.search(pattern, path)
            return status if matches and next(counter) >= first else None

        self.refuses = refuses
        try:
            yield
        finally:
            self.refuses = lambda method, path: None


@contextmanager
def serving() -> Iterator[S3]:
    """A server with one bucket, in a thread."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Write no line for each request."""

    s3 = S3()
    inner = DomainDispatcherApplication(create_backend_app)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        s3.requests.append((method, path))
        status = s3.refuses(method, path)
        if status is None:
            return inner(environ, start)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        code = {403: "AccessDenied", 500: "InternalError"}[status]
        start(f"{status} {code}", [("Content-Type", "application/xml")])
        return [f"<Error><Code>{code}</Code><Message>told to</Message></Error>".encode()]

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    s3.address = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client(
        "s3",
        endpoint_url=s3.address,
        aws_access_key_id="a-key",
        aws_secret_access_key="a-secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    try:
        yield s3
    finally:
        server.shutdown()
        thread.join()
