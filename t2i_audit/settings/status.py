"""Settings of the command that says how far a run is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from t2i_audit.settings.option import Option


@dataclass(frozen=True, kw_only=True)
class StatusSettings:
    """The run that is looked at."""

    run: Annotated[Path, Option("RUN", "Directory or URL of a run.", metavar="RUN", place="run")]
