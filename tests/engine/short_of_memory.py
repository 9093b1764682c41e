"""An actor whose process gets no more memory than it has when it begins to sample."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from t2i_audit.engine.actor import AuditActor


class ShortOfMemory(AuditActor):
    """An `AuditActor` that samples under a limit of its address space, which is real."""

    def sample(self, *args: Any, **kwargs: Any) -> Any:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), hard))
        try:
            return super().sample(*args, **kwargs)
        finally:
            # Ray itself needs some to send the answer.
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
