"""A small YAML file from somebody else, read without surprises.

Only plain values are made (``yaml.SafeLoader``). A key that stands twice would silently overrule
the first one, and aliases can blow a small file up to any size, so both are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from t2i_audit.errors import AuditError

LARGEST = 1_000_000  # bytes; a thousand models with ten settings each take a quarter of it


def read_yaml(path: Path) -> Any:
    """The value in a YAML file.

    Raises:
        AuditError: the file cannot be read, or is no YAML; one sentence with the line.
    """
    import yaml

    text = _text(path)

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.MarkedYAMLError(
                    problem="an alias (*name) is not taken; write the values out, or as `defaults`",
                    problem_mark=mark,
                )
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key in (key for key, _ in node.value if isinstance(key.value, str)):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise AuditError(f"{path}{line}: {err.problem or err.context}") from err
    # Dates that do not exist and characters that YAML forbids raise other types.
    except (yaml.YAMLError, ValueError) as err:
        raise AuditError(f"{path} is no YAML: {' '.join(str(err).split())}") from err
    except RecursionError as err:
        raise AuditError(f"{path} is no list of models: it is nested too deeply") from err


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise AuditError(f"{path} is no ordinary file; give a YAML file of models")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as err:
        raise AuditError(f"{path} cannot be read: {err.strerror}") from err
    if len(data) > LARGEST:
        raise AuditError(f"{path} is larger than {LARGEST:,} bytes; give a list of models")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise AuditError(f"{path} is not UTF-8 text (byte {err.start}); save it as UTF-8") from err
