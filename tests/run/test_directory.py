"""The run directory: made, resumed, refused, held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from t2i_audit import io
from t2i_audit.errors import RunDirectoryError
from t2i_audit.reporter import CollectingReporter
from t2i_audit.results.run import load_run
from t2i_audit.run.directory import check_output, open_run, read_manifest

SETTINGS = {"model": "builtin:sound", "seeds": 2, "sampler": {"steps": 12, "guidance_scale": 2.0}}
VERSIONS = {"torch": "1"}

HOLD_RUN = """
import sys, time
from pathlib import Path
from t2i_audit.run.directory import open_run
run = open_run(Path(sys.argv[1]), {"seeds": 2}, versions={})
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "a"


def holding_process(out: Path) -> subprocess.Popen[str]:
    """A process that holds the run in `out`; returned once it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_RUN, str(out)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_new_run_has_a_manifest_of_what_was_asked(out: Path) -> None:
    with open_run(out, SETTINGS, stages=("images",)) as run:
        assert not run.resumed

    manifest = read_manifest(out)
    assert manifest.settings == SETTINGS
    assert manifest.stages["images"].state == "pending"
    assert manifest.versions["torch"] != "absent"


def test_the_same_settings_go_on_with_the_run(out: Path) -> None:
    with open_run(out, SETTINGS) as run, run.stage("images", 4) as advance:
        advance(4)

    with open_run(out, SETTINGS) as run:
        assert run.resumed
        assert run.is_done("images")


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({**SETTINGS, "seeds": 1}, "seeds is 2 there and 1 here"),
        (
            {**SETTINGS, "sampler": {"steps": 20, "guidance_scale": 2.0}},
            "sampler.steps is 12 there and 20 here",
        ),
        ({**SETTINGS, "limit": 8}, "limit is not set there and 8 here"),
        ({"model": "builtin:sound", "seeds": 2}, "sampler.steps is 12 there and not set here"),
    ],
)
def test_other_settings_are_refused_with_the_difference_named(
    out: Path, changed: dict[str, object], difference: str
) -> None:
    open_run(out, SETTINGS).close()

    with pytest.raises(RunDirectoryError, match=difference):
        open_run(out, changed)


def test_a_refusal_changes_nothing(out: Path) -> None:
    open_run(out, SETTINGS).close()
    before = (out / "manifest.json").read_bytes()

    with pytest.raises(RunDirectoryError):
        open_run(out, {**SETTINGS, "seeds": 1})

    assert (out / "manifest.json").read_bytes() == before


def test_an_unfinished_run_is_not_mixed_with_other_versions(out: Path) -> None:
    open_run(out, SETTINGS, stages=("images",), versions={"torch": "1"}).close()

    with pytest.raises(RunDirectoryError, match="torch is '1' there and '2' here"):
        open_run(out, SETTINGS, stages=("images",), versions={"torch": "2"})


def test_a_finished_run_may_be_opened_by_other_versions(out: Path) -> None:
    with open_run(out, SETTINGS, versions={"torch": "1"}) as run, run.stage("images", 0):
        pass

    with open_run(out, SETTINGS, versions={"torch": "2"}) as run:
        assert run.manifest.versions == {"torch": "1"}


def test_a_folder_that_holds_something_else_is_refused(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "thesis.tex").write_text("dear")

    with pytest.raises(RunDirectoryError, match=r"holds something else \(thesis.tex\)"):
        open_run(out, SETTINGS)


def test_an_empty_folder_is_taken(out: Path) -> None:
    out.mkdir(parents=True)

    open_run(out, SETTINGS).close()

    assert (out / "manifest.json").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("dear")

    with pytest.raises(RunDirectoryError, match="is a file"):
        open_run(tmp_path / "a", SETTINGS)


def test_a_file_above_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("dear")

    with pytest.raises(RunDirectoryError, match=r"so .* cannot be made"):
        check_output(tmp_path / "a" / "b")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(RunDirectoryError, match="cannot be written"):
        open_run(tmp_path / "a", SETTINGS)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system of the kernel's")
def test_a_place_that_takes_no_folder_is_refused() -> None:
    with pytest.raises(RunDirectoryError, match="/proc/a cannot be written"):
        open_run(Path("/proc/a"), SETTINGS)


def test_a_damaged_manifest_is_refused(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "manifest.json").write_text("{")

    with pytest.raises(RunDirectoryError, match=r"manifest.json cannot be used"):
        open_run(out, SETTINGS)


def test_another_tools_manifest_is_refused(out: Path) -> None:
    out.mkdir(parents=True)
    (out / "manifest.json").write_text('{"name": "web app"}')

    with pytest.raises(RunDirectoryError, match="not a manifest of t2i-audit"):
        open_run(out, SETTINGS)


def test_checking_an_output_makes_nothing(out: Path) -> None:
    check_output(out)

    assert not out.parent.exists()


def test_settings_that_json_cannot_hold_make_nothing(out: Path) -> None:
    with pytest.raises(TypeError):
        open_run(out, {"model": object()})

    assert not out.exists()


def test_a_second_process_is_refused_while_the_first_works(out: Path) -> None:
    process = holding_process(out)

    try:
        with pytest.raises(RunDirectoryError, match=f"process {process.pid}"):
            open_run(out, {"seeds": 2}, versions={})
    finally:
        process.kill()
        process.communicate()


def test_a_killed_process_holds_no_lock(out: Path) -> None:
    process = holding_process(out)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    with open_run(out, {"seeds": 2}, versions={}) as run:
        assert run.resumed


def test_a_closed_run_can_be_opened_again_in_the_same_process(out: Path) -> None:
    open_run(out, SETTINGS).close()

    open_run(out, SETTINGS).close()


def test_half_written_files_are_gone_after_opening(out: Path) -> None:
    open_run(out, SETTINGS).close()
    (out / f".probes.parquet.1{io.TEMPORARY_SUFFIX}").write_text("half")

    open_run(out, SETTINGS).close()

    assert sorted(path.name for path in out.iterdir()) == [".lock", "manifest.json"]


def test_a_stage_that_fails_stays_running_with_its_count(out: Path) -> None:
    with (
        open_run(out, SETTINGS) as run,
        pytest.raises(RuntimeError),
        run.stage("images", 4) as advance,
    ):
        advance(3)
        raise RuntimeError

    stage = read_manifest(out).stages["images"]
    assert (stage.state, stage.done, stage.total) == ("running", 3, 4)


def test_an_unfinished_run_has_no_summary(out: Path) -> None:
    open_run(out, SETTINGS).close()

    with pytest.raises(RunDirectoryError, match="not finished"):
        load_run(out)


def test_a_folder_without_a_run_has_no_summary(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        load_run(tmp_path)


def test_a_finished_run_of_other_versions_says_so(out: Path) -> None:
    for version, said in (("1", False), ("1", False), ("2", True)):
        reporter = CollectingReporter()
        versions = {"torch": version}
        with open_run(
            out, SETTINGS, stages=("images",), versions=versions, reporter=reporter
        ) as run:
            if not run.resumed:
                with run.stage("images", 0):
                    pass
        shown = f"{out} was finished with other versions (torch is '1' there and '2' here)"
        assert any(shown in note for note in reporter.notes) == said
