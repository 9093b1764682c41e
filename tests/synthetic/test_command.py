"""The command ``synthetic`` is found by its entry point, and packages import in one direction."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import synthetic
import t2i_audit
from t2i_audit.cli.main import main

# The parts of the package in layers: a module imports from its own layer and those before it only.
LAYERS = (
    ("settings", "streams", "records", "presets", "suite"),
    ("tasks",),
    ("students",),
    ("training",),
    ("evaluation",),
    ("report",),
    ("experiments",),
    ("options", "cli"),
)


def folder(package: object) -> Path:
    (path,) = package.__path__  # type: ignore[attr-defined]
    return Path(path)


def modules(path: Path) -> Iterator[tuple[str, ast.Module]]:
    """Dotted name, from the folder's own name on, and syntax tree of every module in `path`."""
    for file in path.rglob("*.py"):
        parts = file.relative_to(path.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        yield name, ast.parse(file.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """The modules that a syntax tree imports anywhere, for types alone too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def layer(module: str) -> int:
    """Index of the layer of a module of `synthetic`."""
    part = module.split(".")[1]
    (index,) = (index for index, parts in enumerate(LAYERS) if part in parts)
    return index


def test_the_audit_never_imports_the_synthetic_package() -> None:
    importers = {
        name
        for name, tree in modules(folder(t2i_audit))
        if any(one.split(".")[0] == "synthetic" for one in imported(tree))
    }

    assert importers == set()


def test_no_module_of_synthetic_imports_one_of_a_later_layer() -> None:
    trees = {name: tree for name, tree in modules(folder(synthetic)) if "." in name}
    upward = [
        (name, one)
        for name, tree in trees.items()
        for one in imported(tree)
        if one.startswith("synthetic.") and layer(one) > layer(name)
    ]

    assert upward == []


def test_no_modules_of_synthetic_import_each_other_in_a_circle() -> None:
    known = dict(modules(folder(synthetic)))
    left = {name: imported(tree) & known.keys() - {name} for name, tree in known.items()}
    # Again and again, those that import none of the others are removed.
    while leaves := {name for name, names in left.items() if not names & left.keys()}:
        left = {name: names for name, names in left.items() if name not in leaves}

    assert left == {}


def test_the_command_is_loaded_for_its_own_use_only() -> None:
    code = (
        "import sys\nfrom t2i_audit.cli.main import main\n"
        "main(sys.argv[1:])\nprint('loaded:', 'synthetic' in sys.modules)"
    )

    def last_line(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True
        )
        return done.stdout.splitlines()[-1]

    assert last_line("models", "--help") == "loaded: False"
    assert last_line("synthetic", "--help") == "loaded: True"


def add_entry_point(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package ``extra`` with one command of another package."""
    info = folder / "extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[t2i_audit.commands]\n{text}\n")
    monkeypatch.syspath_prepend(folder)


def test_another_packages_command_is_listed_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "extra_commands.py").write_text(
        "import typer\n"
        "app = typer.Typer(help='Commands of another package.')\n"
        "@app.command('greet')\n"
        "def greet(): print('hello')\n"
        "@app.command('other')\n"
        "def other(): ...\n"
    )
    add_entry_point(tmp_path, "extra = extra_commands:app", monkeypatch)

    assert main(["--help"]) == 0
    assert "Commands of another package." in capsys.readouterr().out
    assert main(["extra", "greet"]) == 0
    assert capsys.readouterr().out == "hello\n"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("extra = no_such_module:app", "No module named 'no_such_module'"),
        ("extra = json:no_such_name", "no attribute 'no_such_name'"),
        ("extra = json:dumps", "is a function and not a typer.Typer"),
    ],
)
def test_a_command_that_cannot_be_loaded_is_one_sentence_and_leaves_the_help(
    entry: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_entry_point(tmp_path, entry, monkeypatch)

    assert main(["extra", "greet", "--times", "2"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("t2i-audit: the command 'extra' of the package extra cannot be")
    assert reason in captured.err
    assert captured.err.endswith("install extra again, or uninstall it\n")

    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "synthetic" in out
    assert "This command cannot be loaded" in out


def test_a_misspelt_command_of_another_package_is_corrected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["syntetic"]) == 2
    assert "Did you mean 'synthetic'?" in capsys.readouterr().err


def test_the_programs_own_commands_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_entry_point(tmp_path, "models = no_such_module:app", monkeypatch)

    assert main(["models", "list"]) == 0
    assert "cannot be loaded" not in capsys.readouterr().err
