"""The process of one audit of several; `processes` starts it and says how they speak."""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from t2i_audit.many.one import audit_one
from t2i_audit.reporter import Advance
from t2i_audit.settings import AuditSettings
from t2i_audit.spinning import bound_spinning

INTERRUPTED = 130  # 128 + SIGINT, as shells count


@dataclass(frozen=True)
class LinesReporter:
    """Writes what is reported as JSON, one object a line."""

    stream: TextIO

    def note(self, sentence: str) -> None:
        """Write `sentence`."""
        self.say({"note": sentence})

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[Advance]:
        """Write that a stage begins, each of its steps, and that it ends."""
        self.say({"stage": name, "total": total, "done": done})

        def advance(n: int = 1) -> None:
            self.say({"advance": n})

        try:
            yield advance
        finally:
            self.say({"end": name})

    def say(self, message: dict[str, object]) -> None:
        """Write one message; where nobody listens any more, this process is about to end."""
        with suppress(BrokenPipeError):
            self.stream.write(json.dumps(message) + "\n")
            self.stream.flush()


def main() -> int:
    """Make the audit whose settings stand on the first line of standard input."""
    from pydantic import TypeAdapter

    # A shell's background job ignores the signal, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bound_spinning()
    reporter = LinesReporter(_own_stdout())
    settings = TypeAdapter(AuditSettings).validate_json(sys.stdin.readline())
    threading.Thread(target=_interrupt_when_closed, daemon=True).start()
    try:
        failure = audit_one(settings, reporter)
        reporter.say({"finished": True} if failure is None else {"failed": failure})
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _own_stdout() -> TextIO:
    """Standard output for this process's reports alone; what libraries print goes to stderr."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _interrupt_when_closed() -> None:
    sys.stdin.read()
    _thread.interrupt_main()


if __name__ == "__main__":
    sys.exit(main())
