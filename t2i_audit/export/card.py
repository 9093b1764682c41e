"""The ``model-index`` in the metadata of a model card; the rest of the card stays as it is.

The metadata are a block of YAML between two lines of ``---`` at the top of the file. Only the lines
of the key ``model-index`` are written anew, so that the other keys keep their order, their quotes
and their comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import AuditError
from t2i_audit.export.model_index import is_ours
from t2i_audit.printable import UNPRINTABLE

if TYPE_CHECKING:
    import yaml

KEY = "model-index"
CARD = "README.md"
# As `huggingface_hub.repocard.REGEX_YAML_BLOCK`, which finds no block that is empty.
BLOCK = re.compile(r"\A(\s*---(?:\r\n|\n))((?:[\S\s]*?(?:\r\n|\n))??)(---[ \t]*(?:\r\n|\n|\Z))")
MOST_BYTES = 1 << 24


def read_card(path: Path) -> str:
    """The text of the model card in `path`, its line ends as they are.

    Raises:
        AuditError: it is no Markdown file, or cannot be read.
    """
    if path.is_dir():
        raise AuditError(f"--card should name a file, and {path} is a folder; give {path}/{CARD}")
    if not path.is_file():
        raise AuditError(f"the card {path} does not exist; give --out FILE to make a new file")
    if path.suffix.lower() not in (".md", ".markdown"):
        raise AuditError(f"{path} is no model card, as it is no Markdown file; name a {CARD}")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise AuditError(f"{path} is no model card, as it is larger than {MOST_BYTES:,} bytes")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise AuditError(
            f"{path} is no model card, as it is not UTF-8 text; name a {CARD}"
        ) from err
    except OSError as err:
        raise AuditError(f"{path} cannot be read: {err.strerror or err}") from err


def index_yaml(index: Sequence[Mapping[str, Any]], *, newline: str = "\n") -> str:
    """`index` as the YAML of a card's metadata; text from outside cannot add lines to it."""
    import yaml

    text: str = yaml.dump(
        {KEY: list(index)},
        Dumper=_dumper(),
        sort_keys=False,
        allow_unicode=True,
        line_break=newline,
    )
    return text


@cache
def _dumper() -> type[yaml.SafeDumper]:
    """Writes line breaks and control characters in a text as escapes.

    Without that, PyYAML reads a next-line character (U+0085) that it wrote as another one.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text_of(dumper: Dumper, text: str) -> yaml.Node:
        style = '"' if UNPRINTABLE.search(text) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, text_of)
    return Dumper


def with_results(card: str, index: Sequence[Mapping[str, Any]], *, source: str) -> str:
    """`card` with the results of `index`, in the place of earlier ones of the same suite and judge.

    The results of other tools, suites and judges are kept. A card without metadata gets some.

    Args:
        card: the text of the card.
        index: from `model_index`.
        source: the card's name, for messages.

    Raises:
        AuditError: the card's metadata cannot be read, or cannot be changed without touching more.
    """
    import yaml

    found = BLOCK.match(card)
    opening, block, closing = found.groups() if found else ("---\n", "", "---\n")
    newline = "\r\n" if opening.endswith("\r\n") else "\n"
    try:
        metadata = yaml.safe_load(block)
        root = yaml.compose(block, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise AuditError(
            f"the metadata of {source} are no YAML ({_fault(err)}); mend them and give the same "
            "command again"
        ) from err
    if not isinstance(metadata, dict | None):
        raise AuditError(f"the metadata of {source} are no mapping of keys to values; mend them")
    metadata = metadata or {}
    merged = _merged(metadata.get(KEY), index, source)
    text = index_yaml(merged, newline=newline)
    start, end = _place(root, block)
    before = block[:start]
    if before and not before.endswith("\n"):
        before += newline
    changed = f"{before}{text}{block[end:]}"
    if not _holds(changed, {**metadata, KEY: merged}):
        raise AuditError(
            f"the metadata of {source} are written in a way that the results cannot be added to; "
            "give --out FILE in place of --card, and paste the file's text"
        )
    rest = card[found.end() :] if found else card
    return f"{opening}{changed}{closing}{rest}"


def _merged(there: Any, index: Sequence[Mapping[str, Any]], source: str) -> list[dict[str, Any]]:
    """The model index of a card with our results; a card is about one model, its first."""
    there = there or []
    if not isinstance(there, list) or not all(_is_model(each) for each in there):
        raise AuditError(
            f"the {KEY} of {source} is no list of models with a name and results; mend it and give "
            "the same command again"
        )
    ours = [result for model in index for result in model["results"]]
    kept: list[dict[str, Any]] = []
    for model in there:
        others = [each for each in model.get("results") or [] if not _replaced(each, ours)]
        kept.append({**model, "results": others})
    if not kept:
        return [{**model} for model in index]
    kept[0]["results"] = [*kept[0]["results"], *ours]
    return kept


def _replaced(result: Any, ours: Sequence[Mapping[str, Any]]) -> bool:
    return isinstance(result, dict) and any(is_ours(result, own) for own in ours)


def _is_model(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("results", []), list | None)


def _place(root: yaml.Node | None, block: str) -> tuple[int, int]:
    """Where the lines of the key lie in `block`; an empty place at its end where it is absent."""
    import yaml

    if not isinstance(root, yaml.MappingNode):
        return len(block), len(block)
    for key, value in root.value:
        if key.value == KEY:
            end = max(_end(value), key.end_mark.index)
            if block[end - 1 : end] != "\n":
                line_end = block.find("\n", end)
                end = len(block) if line_end < 0 else line_end + 1
            return key.start_mark.index, end
    return len(block), len(block)


def _end(node: yaml.Node) -> int:
    """Where the text of `node` ends, without the comments and blank lines that follow it."""
    import yaml

    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return max(map(_end, last)) if isinstance(last, tuple) else _end(last)
    return int(node.end_mark.index)


def _holds(block: str, wanted: Mapping[str, Any]) -> bool:
    """Whether `block` is YAML of exactly these keys and values."""
    import yaml

    try:
        found = yaml.safe_load(block)
    except yaml.YAMLError:
        return False
    # As text, in which an undefined number equals itself.
    return isinstance(found, dict) and yaml.safe_dump(found) == yaml.safe_dump(dict(wanted))


def _fault(error: Exception) -> str:
    """What is wrong with YAML and in which line of the card, in a few words."""
    if isinstance(error, RecursionError):
        return "they are nested too deeply"
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return str(error).splitlines()[0]
    return f"line {mark.line + 2}: {problem}"
