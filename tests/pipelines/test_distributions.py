from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from t2i_audit.pipelines.distributions import distributions_by_package


def test_packages_are_of_the_distributions_that_the_standard_library_finds() -> None:
    own, standard = distributions_by_package(), metadata.packages_distributions()

    assert {"diffusers", "transformers", "torch", "PIL"} <= own.keys()
    # Later versions of Python also count compiled modules.
    assert {name: standard.get(name) for name in own} == own


def test_a_distribution_without_a_list_of_packages_has_those_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "both-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: both\nVersion: 1\n")
    (folder / "RECORD").write_text("many/__init__.py,,\nalone.py,,\nmany/data.txt,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert distributions_by_package.__wrapped__() == {"many": ["both"], "alone": ["both"]}
