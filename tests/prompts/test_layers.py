"""The package `prompts` stands alone, and its folders import each other in one direction."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = (
    {"structure", "errors", "permutation", "support", "inflection"},
    {"vocabulary", "world", "splits"},
    {"english"},
    {"grammar"},
    {"foils", "controls"},
    {"generate"},
    {"formats", "recover"},
    {"suite", "selection", "analysis"},
)
"""The units of `prompts`, from the bottom up; none imports one of a later layer."""


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere, type checking and function bodies included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            is_package = (ROOT / node.module.replace(".", "/")).is_dir()
            for alias in node.names:
                yield f"{node.module}.{alias.name}" if is_package else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def modules() -> dict[str, set[str]]:
    """What each module of `prompts` imports, by module."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): set(imports(path))
        for path in (ROOT / "prompts").rglob("*.py")
        if path.name != "__init__.py"
    }


def test_prompts_never_imports_the_packages_that_use_it() -> None:
    used = {name.split(".")[0] for names in modules().values() for name in names}

    assert "pydantic" in used
    assert used.isdisjoint({"t2i_audit", "synthetic", "scripts", "tests"})


def test_no_folder_imports_one_above_it() -> None:
    level = {unit: index for index, layer in enumerate(LAYERS) for unit in layer}

    upward = [
        (module, name)
        for module, names in modules().items()
        for name in names
        if name.startswith("prompts.") and level[name.split(".")[1]] > level[module.split(".")[1]]
    ]

    assert upward == []


def test_there_are_no_import_circles() -> None:
    """Neither between modules nor between folders; `graphlib` raises `CycleError` on a circle."""
    graph = modules()
    folders: dict[str, set[str]] = {}
    for module, names in graph.items():
        unit = module.split(".")[1]
        own = {name.split(".")[1] for name in names if name.startswith("prompts.")}
        folders.setdefault(unit, set()).update(own - {unit})

    list(TopologicalSorter(folders).static_order())
    # `formats.native` names the likely format of a foreign file, which it detects on failure only.
    graph["prompts.formats.native"].discard("prompts.formats.detect_format")
    list(TopologicalSorter(graph).static_order())
