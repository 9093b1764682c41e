"""``import t2i_audit`` is light, and its names are the public ones whatever else was imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

import t2i_audit as t2i

HEAVY = ("torch", "pandas", "pyarrow", "pydantic", "numpy", "diffusers", "transformers", "datasets")


def loaded_by(code: str) -> set[str]:
    """Those of `HEAVY` that a fresh interpreter has loaded after `code`."""
    report = f"import sys; {code}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import t2i_audit, t2i_audit as t2i; dir(t2i)") == set()


def test_the_check_above_would_notice_a_heavy_import() -> None:
    assert "pydantic" in loaded_by("import t2i_audit as t2i; t2i.Interval")


def test_importing_the_package_takes_under_a_tenth_of_a_second() -> None:
    code = "import time; start = time.perf_counter(); import t2i_audit; "
    code += "print(time.perf_counter() - start)"
    done = [subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(3)]

    # The fastest of three, as other work may run beside it.
    assert min(map(float, done)) < 0.1


@pytest.mark.parametrize("name", ["audit", "merge", "leaderboard"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_function_is_not_replaced_by_the_module_of_its_name(name: str, order: str) -> None:
    uses = [f"callable(t2i.{name})", f"__import__('t2i_audit.{name}')"]
    first, second = uses if order == "before" else uses[::-1]
    code = f"import t2i_audit as t2i; {first}; {second}; print(callable(t2i.{name}))"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "True\n"


def test_every_public_name_is_listed_and_there() -> None:
    assert set(t2i.__all__) <= set(dir(t2i))
    for name in t2i.__all__:
        assert getattr(t2i, name).__name__ == name


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        t2i.audits  # noqa: B018
