"""Settings of the command that writes a run in the formats of other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from t2i_audit.errors import AuditError
from t2i_audit.settings.option import Option, check_options

Target = Literal["datasets", "geneval", "csv", "model-index"]
STREAM = Path("-")


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Settings of an export.

    Raises:
        AuditError: a value is not among the choices, or the options contradict each other.
    """

    run: Annotated[
        Path, Option("RUN", "Directory or URL of the finished run.", metavar="RUN", place="run")
    ]
    to: Annotated[Target, Option("--to", "The format to write; see above.")]
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "The folder to make (datasets, geneval), or the file to write (csv, model-index); - "
            "writes a file's text to standard output.",
            short="-o",
            metavar="PATH",
            place="file",
        ),
    ] = None
    card: Annotated[
        Path | None,
        Option(
            "--card",
            "With model-index: a model card to add the results to, in place of --out.",
            metavar="README.md",
        ),
    ] = None
    source: Annotated[
        str | None,
        Option(
            "--source",
            "With model-index: the address of a page about the run, to which the results link.",
            metavar="URL",
        ),
    ] = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.to != "model-index":
            for name, value in (("--card", self.card), ("--source", self.source)):
                if value is not None:
                    raise AuditError(f"{name} is for --to model-index, not for --to {self.to}")
        if self.out is not None and self.card is not None:
            raise AuditError("--out and --card are two places for the results; give one of them")
        if self.out is None and self.card is None:
            other = " or --card README.md" if self.to == "model-index" else ""
            raise AuditError(f"there is no place to write to; give --out PATH{other}")
        if self.out == STREAM and self.to in ("datasets", "geneval"):
            raise AuditError(f"--to {self.to} makes a folder; name one with --out")
        if self.source is not None and not self.source.startswith(("https://", "http://")):
            raise AuditError(
                f"--source should be an address that begins with https://, not {self.source!r}"
            )
