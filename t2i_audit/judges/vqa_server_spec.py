"""The server and the model that a judge's name on the command line stands for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from t2i_audit.errors import JudgeError
from t2i_audit.printable import UNPRINTABLE

# A variable of its own: a key for one service, such as OPENAI_API_KEY, must not be sent to another.
KEY = "T2I_AUDIT_JUDGE_KEY"
SCHEMES = ("http", "https")
LONGEST = 300  # characters of a server's text that are shown


@dataclass(frozen=True)
class ServerSpec:
    """A model on a server that speaks OpenAI's protocol."""

    address: str
    """Of the protocol's root, without a slash at its end, e.g. ``http://localhost:8000/v1``."""
    model: str
    """The model's name on the server."""
    key: str = field(default="", repr=False)
    """Sent to the server and shown to nobody; empty for none."""

    @property
    def given(self) -> str:
        """As on the command line."""
        return f"vqa:{self.address}#{self.model}"

    @property
    def name(self) -> str:
        """Its name in results: without the server's address, which may be another tomorrow."""
        # A model that is served from a folder is named by the folder's path.
        short = self.model.rstrip("/").rpartition("/")[2]
        return f"vqa:server#{short if self.model.startswith('/') else self.model}"

    def shown(self, text: str) -> str:
        """A `text` of the server for a message: on one line, short, and without the key."""
        safe = text.replace(self.key, f"[{KEY}]") if self.key else text
        line = " ".join(safe.split()).rstrip(".:")
        return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."

    def error(self, text: str) -> JudgeError:
        """The error of this judge that `text` describes, e.g. ``its server is down``."""
        return JudgeError(f"judge {self.given!r} cannot judge: {text}")


def parse_server(spec: str, environment: Mapping[str, str] | None = None) -> ServerSpec:
    """Parse ``vqa:http://HOST/v1#MODEL``; the key is in `environment` (this process's if None).

    Raises:
        JudgeError: the address is none, or holds a secret; the model or the key is missing.
    """
    import httpx2

    environment = os.environ if environment is None else environment
    given, _, model = spec.removeprefix("vqa:").partition("#")
    # No message shows an address that cannot be read: a part of it may be a secret.
    if "@" in given or "?" in given:
        raise JudgeError(
            "the address of the judge's server holds a name, a password or a query, which would be "
            f"recorded; give the address alone, and a key in the variable {KEY} of the environment"
        )
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
        httpx2.URL(given)
    except (ValueError, httpx2.InvalidURL) as error:
        raise _malformed() from error
    if parts.scheme not in SCHEMES or not host or " " in given or UNPRINTABLE.search(given):
        raise _malformed()
    if not model.strip():
        raise JudgeError(
            f"judge {spec!r} names no model; give the model's name on the server after the "
            "address, as in vqa:http://HOST/v1#MODEL"
        )
    shown_host = f"[{host}]" if ":" in host else host
    where = shown_host if port is None else f"{shown_host}:{port}"
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return ServerSpec(f"{parts.scheme}://{where}{path}", model.strip(), _key(environment))


def _malformed() -> JudgeError:
    return JudgeError(
        "the address of the judge's server cannot be read; write the judge as "
        "vqa:http://HOST/v1#MODEL"
    )


def _key(environment: Mapping[str, str]) -> str:
    """The key of the environment, which is shown to nobody."""
    key = environment.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise JudgeError(
            f"the variable {KEY} holds characters that no key has; set it to the key alone"
        )
    return key
