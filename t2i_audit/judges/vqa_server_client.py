"""Requests to a server that speaks OpenAI's protocol: many at a time, and patient."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any

from t2i_audit.judges.vqa_server_replies import Reply, read_reply
from t2i_audit.judges.vqa_server_spec import KEY, ServerSpec

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response
    from tenacity import RetryCallState

CONCURRENT = 32  # requests; a server with many GPUs is busy with these, and others queue them
CONNECTING = 20  # seconds in which a server accepts a connection
LARGEST = 4_000_000  # bytes of a reply that are read
NAMED = 5  # models of the server that a message lists
# The server understood the request and does not answer it: too long, filtered, or unsupported.
DECLINED = (400, 413, 422)
BUSY = 429
# What another attempt may mend.
TRANSIENT = (408, 409, 425, 500, 502, 503, 504, 529)


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for."""

    answer: float = 300
    """Seconds for one answer."""
    recovery: float = 120
    """Seconds of attempts to get one answer from a server that fails."""
    limits: float = 900
    """The same from a server that limits the rate of requests."""
    attempts: int = 3
    """Attempts, however long they take; in a trial 1, so that a wrong address is told at once."""


@dataclass(frozen=True)
class Declined:
    """A request that the server does not answer, although it answers others."""

    status: int
    """HTTP's."""
    reason: str
    """The server's, on one line."""


class Failure(Exception):
    """A failed attempt that another one may mend."""

    def __init__(self, text: str, *, busy: bool = False, wait: float | None = None) -> None:
        super().__init__(text)
        self.busy = busy
        """Whether the server limits the rate of requests."""
        self.wait = wait
        """Seconds after which the server wants to be asked again, if it says so."""


@dataclass(frozen=True)
class Client:
    """Asks one server."""

    spec: ServerSpec
    patience: Patience = Patience()

    def complete(self, bodies: Sequence[Mapping[str, Any]]) -> list[Reply | Declined]:
        """Request a chat completion for each of `bodies`; returns the replies in their order.

        Raises:
            JudgeError: the server is down, too slow, refuses, or replies with something else.
        """
        from anyio.from_thread import start_blocking_portal

        # In a thread of its own, because a notebook's thread runs an event loop already. An
        # exception here, such as an interrupt, cancels the requests.
        with start_blocking_portal() as portal:
            return portal.call(self._complete_all, bodies)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.spec.key}"} if self.spec.key else {}

    async def _complete_all(self, bodies: Sequence[Mapping[str, Any]]) -> list[Reply | Declined]:
        import httpx2

        slots = asyncio.Semaphore(CONCURRENT)
        # Redirects are not followed: they would take the key elsewhere.
        async with httpx2.AsyncClient(
            headers=self._headers,
            timeout=httpx2.Timeout(None, connect=CONNECTING),
            follow_redirects=False,
        ) as http:

            async def complete(body: Mapping[str, Any]) -> Reply | Declined:
                async with slots:
                    return await self._complete(http, body)

            tasks = [asyncio.create_task(complete(body)) for body in bodies]
            try:
                return list(await asyncio.gather(*tasks))
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _complete(self, http: AsyncClient, body: Mapping[str, Any]) -> Reply | Declined:
        from tenacity import AsyncRetrying, retry_if_exception_type

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Failure),
            stop=_Attempts(self.patience).have_failed,
            wait=_pause,
            reraise=True,
        )
        try:
            return await retrying(self._attempt, http, body)
        except Failure as failure:
            first = "wait" if failure.busy else "check the server and its address"
            remedy = f"{first}, and then give the same command again"
            raise self.spec.error(f"its server {failure}; {remedy}") from failure

    async def _attempt(self, http: AsyncClient, body: Mapping[str, Any]) -> Reply | Declined:
        import httpx2

        address = f"{self.spec.address}/chat/completions"
        try:
            async with (
                asyncio.timeout(self.patience.answer),
                http.stream("POST", address, json=body) as response,
            ):
                content = await _read(response)
        except TimeoutError as error:
            raise Failure(f"gave no answer within {self.patience.answer:g} s") from error
        except httpx2.HTTPError as error:
            reason = self.spec.shown(str(error)) or type(error).__name__
            raise Failure(f"cannot be reached ({reason})") from error
        return await self._reply(http, response, content)

    async def _reply(
        self, http: AsyncClient, response: Response, content: bytes
    ) -> Reply | Declined:
        status = response.status_code
        if status == 200:
            try:
                return read_reply(content)
            except ValueError as error:
                raise Failure(f"replied with something that {error}") from error
        reason = self.spec.shown(_message(content))
        failed = f"replied with HTTP {status}" + (f" ({reason})" if reason else "")
        if status in DECLINED:
            return Declined(status, reason)
        if status == BUSY or status in TRANSIENT:
            raise Failure(failed, busy=status == BUSY, wait=_wait(response))
        raise self.spec.error(f"its server {failed}; {await self._remedy(http, response)}")

    async def _remedy(self, http: AsyncClient, response: Response) -> str:
        if response.status_code in (401, 403):
            state = "check the key in" if self.spec.key else "put the key into"
            return f"{state} the variable {KEY} of the environment"
        if response.status_code == 404:
            return await self._known_models(http)
        if response.is_redirect:
            host = response.next_request.url.host if response.next_request else "another address"
            return f"it redirects to {self.spec.shown(host)}, so give that server's address"
        return "check its address, which often ends with /v1, and the server's log"

    async def _known_models(self, http: AsyncClient) -> str:
        """What the user can do about a model that the server does not know."""
        import httpx2

        models: list[str] = []
        unreadable = (ValueError, KeyError, TypeError, RecursionError)
        with suppress(TimeoutError, httpx2.HTTPError, Failure, *unreadable):
            async with (
                asyncio.timeout(CONNECTING),
                http.stream("GET", f"{self.spec.address}/models") as response,
            ):
                listed = json.loads(await _read(response))["data"]
                models = [self.spec.shown(str(each["id"])) for each in listed]
        if not models:
            return "check its address, which often ends with /v1, and the model's name"
        more = f" and {len(models) - NAMED} more" if len(models) > NAMED else ""
        return f"check the model's name: the server has {', '.join(models[:NAMED])}{more}"


class _Attempts:
    """The attempts of one request that failed in the same way, one after the other."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.busy: bool | None = None
        self.count = 0
        self.since = self.until = 0.0  # seconds after the request's start

    def have_failed(self, state: RetryCallState) -> bool:
        """Whether they were enough, after another one."""
        failure = state.outcome.exception() if state.outcome else None
        busy = isinstance(failure, Failure) and failure.busy
        if busy != self.busy:
            self.busy, self.count, self.since = busy, 0, self.until
        self.count += 1
        self.until = state.seconds_since_start or 0.0
        waited = self.until - self.since + state.upcoming_sleep
        if busy:
            return waited > self.patience.limits
        return waited > self.patience.recovery and self.count >= self.patience.attempts


async def _read(response: Response) -> bytes:
    """The body of a reply, as far as it is read."""
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > LARGEST:
            raise Failure(f"replied with more than {LARGEST:,} bytes")
    return bytes(content)


def _message(content: bytes) -> str:
    """The message in the body of a failed reply; the body itself if it is only text."""
    text = content.decode(errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text  # a page of HTML says nothing
    for key in ("error", "detail", "message"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    return found if isinstance(found, str) else json.dumps(found) if found else ""


def _wait(response: Response) -> float | None:
    """The seconds of the header ``Retry-After``, which is a number or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: as the server says, or twice as long each time."""
    from tenacity import wait_exponential

    failure = state.outcome.exception() if state.outcome else None
    told = failure.wait if isinstance(failure, Failure) else None
    return wait_exponential(multiplier=0.5, max=30)(state) if told is None else told
