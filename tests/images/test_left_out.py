"""Images that cannot be judged are counted and named, and never a score of 0."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from t2i_audit.results.run import Run, load_run
from tests.images.judged import CLIP, judge, judged, left_out, verdicts
from tests.images.layouts import add, as_compbench, as_csv, as_geneval, as_webdataset, images_of


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(table: Path, rows: list[dict[str, str]]) -> None:
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_bad_images_are_left_out_named_and_change_no_other_verdict(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    folder = as_csv(original, tmp_path / "theirs")
    rows = rows_of(folder / "images.csv")
    files = [row["file"] for row in rows]
    (folder / files[0]).unlink()
    (folder / files[1]).write_bytes(b"")
    (folder / files[2]).write_text("no image")
    (folder / files[3]).write_bytes((folder / files[3]).read_bytes()[:100])
    outside = shutil.copy(folder / files[4], tmp_path / "secret.png")
    (folder / files[4]).unlink()
    (folder / files[4]).symlink_to(outside)
    rows[5]["file"] = "../secret.png"
    rows[6]["file"] = str(outside)
    rows[7]["prompt_id"] = "unknown"
    rows.append(rows[8])
    write_rows(folder / "images.csv", rows)

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    found = left_out(run)
    assert found.pop(files[3])[1].startswith("it is damaged")
    assert found == {
        files[0]: ("unreadable", "there is no such file"),
        files[1]: ("unreadable", "the file is empty"),
        files[2]: ("unreadable", "it is no image of a known format"),
        files[4]: ("unreadable", "it lies outside the folder"),
        "../secret.png": ("unreadable", "it lies outside the folder"),
        str(outside): ("unreadable", "it lies outside the folder"),
        files[7]: ("unmatched", "no prompt has the id 'unknown'"),
        files[8]: ("doubled", "it is named twice"),
    }
    assert run.summary.n_images == 4
    assert run.summary.n_excluded == 0
    assert verdicts(run).items() <= verdicts(original).items()
    notes = " ".join(run.summary.notes)
    assert "7 of 13 images cannot be read and are left out" in notes
    assert "1 of 13 images belong to no prompt" in notes
    assert f"{files[1]} (the file is empty)" in notes
    assert "prompts have no image that can be judged" in notes


def test_strict_refuses_what_would_be_left_out(
    original: Run, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = as_csv(original, tmp_path / "theirs")
    first = rows_of(folder / "images.csv")[0]["file"]
    (folder / first).write_bytes(b"")
    asked = ("--suite", str(suite), "--strict")

    assert judge(folder, tmp_path / "out", *asked) == 2

    error = capsys.readouterr().err.splitlines()[-1]
    assert f"1 image cannot be used, e.g. {first} (the file is empty)" in error
    assert "1 of 6 prompts lack images" in error
    assert not (tmp_path / "out").exists()


def test_prompts_with_fewer_images_have_estimates_from_those_they_have(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    folder = as_geneval(original, tmp_path / "theirs")
    (folder / "00001" / "samples" / "00000.png").unlink()
    shutil.rmtree(folder / "00002")
    shutil.rmtree(folder / "00003" / "samples")

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    kept = verdicts(run)
    ids = list(original.table("prompts").prompt_id)
    assert kept.items() <= verdicts(original).items()
    assert (ids[1], 1) in kept and (ids[1], 0) not in kept
    summary = run.summary
    assert (summary.n_seeds, summary.n_images, summary.n_excluded) == (2, 7, 0)
    assert summary.success is not None and summary.success.overall.n == 7
    assert list(run.table("attributions").judged) == [2, 1, 0, 0, 2, 2]
    assert f"2 of 6 prompts have no image that can be judged: {ids[2]}, {ids[3]}." in summary.notes
    assert f"1 of 6 prompts have fewer images than others: {ids[1]} (1)." in summary.notes


def test_images_of_several_sizes_and_modes_are_judged_together(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    folder = as_geneval(original, tmp_path / "theirs")
    files = sorted(folder.rglob("0*.png"))
    for number, file in enumerate(files[:8]):
        with Image.open(file) as image:
            larger = image.resize((80 + 8 * (number % 3), 72))
            larger.convert(("RGB", "RGBA", "L", "P")[number % 4]).save(file)
    asked = ("--suite", str(suite), "--batch-size", "5")

    run = judged(folder, tmp_path / "out", *asked)
    assert judge(folder, tmp_path / "clip", *asked, by=CLIP) == 0

    by_clip = load_run(tmp_path / "clip").table("judgements")
    assert by_clip.correct.notna().all()
    # The oracle reads renders of one size alone, and says so of the others.
    own = run.table("judgements")
    assert own.flaw.notna().sum() == run.summary.n_excluded == 8
    assert "pixels, and renders have 64 x 64" in str(own.flaw[own.flaw.notna()].iloc[0])
    assert "The images have 4 sizes" in " ".join(run.summary.notes)
    assert "laid on white (2)" in " ".join(run.summary.notes)


def test_a_flat_image_gets_no_verdict(original: Run, suite: Path, tmp_path: Path) -> None:
    folder = as_geneval(original, tmp_path / "theirs")
    Image.new("RGB", (64, 64)).save(folder / "00000" / "samples" / "00001.png")

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    assert run.manifest.flaws == {"one flat colour": 1}
    assert (run.summary.n_images, run.summary.n_excluded) == (12, 1)


def test_metadata_that_cannot_be_used_cost_their_images_alone(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    folder = as_geneval(original, tmp_path / "theirs")
    (folder / "00000" / "metadata.jsonl").write_text('{"prompt": "a"}\n{"prompt": "b"}\n')
    (folder / "00001" / "metadata.jsonl").unlink()
    (folder / "00002" / "metadata.jsonl").write_text("[]")
    (folder / "00003" / "samples" / "grid.png").write_bytes(b"x")
    (folder / "00003" / "samples" / ".DS_Store").write_bytes(b"x")

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    found = left_out(run)
    assert len(found) == 7 and run.summary.n_images == 6
    assert "00000/metadata.jsonl does not hold one JSON object" in str(found)
    assert "00001/metadata.jsonl: there is no such file" in str(found)
    assert found["00003/samples/grid.png"][1] == "its name is not that of a numbered sample"


def test_a_member_of_an_archive_is_never_written_under_its_own_name(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    folder = as_webdataset(original, tmp_path / "theirs")
    made = next(images_of(original))
    with tarfile.open(folder / "part-2.tar", "w") as archive:
        row = json.dumps({"prompt": made.text, "seed": 5}).encode()
        add(archive, "../../escaped.png", made.path.read_bytes())
        add(archive, "../../escaped.json", row)
        add(archive, "lonely.png", made.path.read_bytes())
        link = tarfile.TarInfo("linked.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        add(archive, "linked.json", row)

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    assert run.summary.n_images == 13
    assert left_out(run)["part-2.tar:lonely.png"][0] == "unmatched"
    assert not list(tmp_path.parent.rglob("escaped*"))


def test_a_cut_archive_is_one_sentence(
    original: Run, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = as_webdataset(original, tmp_path / "theirs")
    content = (folder / "part-0.tar").read_bytes()
    (folder / "part-0.tar").write_bytes(content[: len(content) // 2 + 100])

    assert judge(folder, tmp_path / "out", "--suite", str(suite)) == 2
    assert "part-0.tar is no tar file, or is damaged" in capsys.readouterr().err


def test_names_from_outside_reach_no_terminal_as_they_are(
    original: Run, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = as_compbench(original, tmp_path / "theirs")
    (folder / "samples" / "\x1b]0;owned\x07_000099.png").write_bytes(b"")

    assert judge(folder, tmp_path / "out", "--suite", str(suite)) == 0

    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert "owned" in shown.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_not_waited_for(original: Run, suite: Path, tmp_path: Path) -> None:
    folder = as_csv(original, tmp_path / "theirs")
    first = rows_of(folder / "images.csv")[0]["file"]
    (folder / first).unlink()
    os.mkfifo(folder / first)

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    assert left_out(run)[first] == ("unreadable", "it is no ordinary file")


def test_a_table_is_read_as_spreadsheets_write_it(
    original: Run, suite: Path, tmp_path: Path
) -> None:
    """With semicolons, in Windows' encoding, and with one file under two names."""
    folder = as_csv(original, tmp_path / "theirs")
    table = folder / "images.csv"
    lines = table.read_text().replace(",", ";").splitlines()
    lines = [f"{lines[0]};note", *(f"{line};café" for line in lines[1:])]
    lines.append(f"./{lines[1]}")
    lines.append(f"{'iVBORw0KGgo' * 1000};{lines[2].split(';', 1)[1]}".replace(";7;", ";8;"))
    table.write_bytes("\n".join(lines).encode("cp1252"))

    run = judged(folder, tmp_path / "out", "--suite", str(suite))

    assert run.summary.n_images == 12
    kinds = sorted(kind for kind, _ in left_out(run).values())
    assert kinds == ["doubled", "unreadable"]
    notes = " ".join(run.summary.notes)
    assert "images.csv: its cells are separated by semicolons, as detected." in notes
    assert "Windows-1252" in notes
    assert max(map(len, run.summary.notes)) < 600
