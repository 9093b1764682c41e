"""Reading and writing prompts: files, suites by name, and ``-`` for the standard streams."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from t2i_audit.cli import completion
from t2i_audit.errors import SuiteError
from t2i_audit.printable import print_line

if TYPE_CHECKING:
    from prompts.formats.native import Header
    from prompts.structure import Prompt
    from t2i_audit.models.tokenizers import Tokenizer

STREAM = "-"
STDIN = "standard input"
KEPT_IN_MEMORY = 1 << 24  # bytes of output that are buffered in memory; the rest goes to disk
PROGRESS_FROM = 20_000  # prompts; fewer need no progress bar

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="The name of a suite, a .jsonl file, or - for standard input.",
        autocompletion=completion.suites,
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "-o",
        "--out",
        "--output",
        metavar="FILE",
        help="File to write, or - for standard output.",
    ),
]


def input_lines(source: str) -> tuple[Iterator[str], str]:
    """The lines of a file or of standard input, and its name for messages."""
    from prompts.formats.native import file_lines, stream_lines

    if source == STREAM:
        return stream_lines(sys.stdin, source=STDIN), STDIN
    path = Path(source)
    if path.is_dir():
        raise SuiteError(f"{path} is a folder; name a file")
    return file_lines(path, source=str(path)), str(path)


def input_bytes(source: str) -> tuple[bytes, str]:
    """The bytes of a file or of standard input, and its name for messages."""
    if source == STREAM:
        # A program may have replaced the stream by one of text.
        buffer = getattr(sys.stdin, "buffer", None)
        return (buffer.read() if buffer else sys.stdin.read().encode()), STDIN
    path = Path(source)
    if path.is_dir():
        raise SuiteError(f"{path} is a folder; name a file")
    try:
        return path.read_bytes(), str(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SuiteError(f"{path} cannot be read: {reason}") from None


def read_file(source: str) -> tuple[Header | None, Iterator[Prompt]]:
    """The header and the prompts of a suite, by name, by path, or from standard input."""
    from prompts.formats.native import read_header, read_lines

    lines, name = input_lines(path_of(source))
    header, lines = read_header(lines, source=name)
    return header, read_lines(lines, source=name)


def path_of(source: str) -> str:
    """The path of a suite, by name or by path; ``-`` is returned unchanged."""
    from prompts.suite import suite_path

    return source if source == STREAM else str(suite_path(source))


def tokenizers_of(model: str | None) -> dict[str, Tokenizer]:
    """The tokenizers of a checkpoint by name; empty if `model` is None."""
    if model is None:
        return {}
    from t2i_audit.models.tokenizers import load_tokenizers

    return load_tokenizers(model)


def read_all(source: str) -> tuple[Header | None, tuple[Prompt, ...]]:
    """The header and all prompts of a suite."""
    header, prompts = read_file(source)
    return header, tuple(prompts)


def write_lines(output: str, lines: Iterable[str]) -> None:
    """Write text to a file or to standard output, all of it or nothing."""
    from t2i_audit.io import atomic_file

    path = Path(output)
    if output != STREAM and (path.is_file() or not path.exists()):
        with (
            _remove_new_folders_on_failure(path.parent),
            atomic_file(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.writelines(lines)
        return
    with tempfile.SpooledTemporaryFile(
        KEPT_IN_MEMORY, mode="w+", encoding="utf-8", newline="\n"
    ) as spool:
        spool.writelines(lines)
        spool.seek(0)
        if output == STREAM:
            shutil.copyfileobj(spool, sys.stdout)
            sys.stdout.flush()
            return
        # A device or a named pipe must not be replaced by a file.
        with path.open("w", encoding="utf-8", newline="\n") as file:
            shutil.copyfileobj(spool, file)


@contextmanager
def _remove_new_folders_on_failure(folder: Path) -> Iterator[None]:
    """If the block fails, remove the folders that were created for its output."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            # A folder that is not empty holds files of other programs.
            with suppress(OSError):
                path.rmdir()
        raise


def with_progress(prompts: Iterable[Prompt], total: int) -> Iterator[Prompt]:
    """Yield `prompts`, and show progress on stderr if there are many."""
    if total < PROGRESS_FROM:
        yield from prompts
        return
    from t2i_audit.reporter import TerminalReporter

    with TerminalReporter().stage("prompts", total) as advance:
        for number, prompt in enumerate(prompts, start=1):
            yield prompt
            if number % 1000 == 0:
                advance(1000)
        advance(total % 1000)


def print_json(value: object, *, output: str = "") -> None:
    """Print `value` as JSON, on stderr if prompts go to standard output."""
    from t2i_audit.io import dump_json

    (sys.stderr if output == STREAM else sys.stdout).write(writable(dump_json(value)))


def print_message(text: str, *, output: str = "") -> None:
    """Print a line, on stderr if prompts go to standard output."""
    print_line(text, to=sys.stderr if output == STREAM else sys.stdout)


def writable(text: str) -> str:
    """`text` without characters that cannot be encoded, as in file names that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()
