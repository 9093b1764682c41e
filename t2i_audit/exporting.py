"""A finished run written in the formats of other tools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from t2i_audit import storage
from t2i_audit.errors import AuditError
from t2i_audit.export.card import read_card
from t2i_audit.io import write_text
from t2i_audit.leaderboard import check_table_path
from t2i_audit.reporter import SILENT, Reporter
from t2i_audit.results.run import Run, load_run
from t2i_audit.settings import ExportSettings

FOLDERS = ("datasets", "geneval")


@dataclass(frozen=True)
class Exported:
    """What was written.

    >>> import t2i_audit as t2i
    >>> t2i.export("runs/demo", to="csv", out="verdicts.csv").images
    8
    """

    path: Path
    """The folder or the file."""
    images: int = 0
    """Images in it, or rows of a table; 0 for a model index."""
    figures: int = 0
    """Figures in a model index; 0 for any other format."""
    notes: tuple[str, ...] = ()
    """Sentences on what was left out."""


def export(settings: ExportSettings, reporter: Reporter = SILENT) -> Exported:
    """Write a run in the format that `settings` name.

    An export that fails leaves nothing behind: a folder appears once it is complete, and a file is
    replaced as a whole.

    Raises:
        AuditError: the run has nothing for this format, or the place cannot be used.
        RunDirectoryError: there is no finished run, or a file of it is missing or damaged.
    """
    out = settings.out or settings.card
    assert out is not None
    _check_place(settings, out)
    run = load_run(settings.run)
    if settings.to == "datasets":
        from t2i_audit.export.dataset import write_dataset

        _require_images(run)
        count = write_dataset(run, out, reporter)
        _keep_folder(out)
        return Exported(out, count)
    if settings.to == "geneval":
        from t2i_audit.export.geneval import write_geneval

        _require_images(run)
        written = write_geneval(run, out, reporter)
        _keep_folder(out)
        return Exported(out, written.images, notes=written.notes)
    text, count = export_text(run, settings)
    write_text(out, text)
    return Exported(out, count) if settings.to == "csv" else Exported(out, figures=count)


def export_text(run: Run, settings: ExportSettings) -> tuple[str, int]:
    """The text of the file that ``csv`` or ``model-index`` writes, and its rows or figures.

    Raises:
        AuditError: the run has nothing for this format, or its card cannot be used.
        RunDirectoryError: a table of the run cannot be read.
    """
    if settings.to == "csv":
        from t2i_audit.export.table import verdicts_csv

        _require_images(run)
        return verdicts_csv(run), run.summary.n_images
    from t2i_audit.export.card import index_yaml, with_results
    from t2i_audit.export.model_index import model_index

    index = model_index(run, source=settings.source)
    count = sum(len(result["metrics"]) for result in index[0]["results"])
    if not count:
        raise AuditError(f"{run.path} has no figure that is defined, so there is nothing to export")
    if settings.card is None:
        return index_yaml(index), count
    return with_results(read_card(settings.card), index, source=str(settings.card)), count


def _keep_folder(out: Path) -> None:
    """Have the store hold the files of a new folder, if it belongs to one."""
    if storage.store_of(out) is not None:
        for path in sorted(out.rglob("*")):
            if path.is_file():
                storage.keep(path)


def _require_images(run: Run) -> None:
    if not run.summary.n_images:
        raise AuditError(
            f"{run.path} is the run of a probe and made no images; give --to model-index, which "
            "exports its decodability"
        )


def _check_place(settings: ExportSettings, out: Path) -> None:
    """Refuse a place that cannot be used, before the run is read."""
    try:
        run, place = settings.run.resolve(), out.resolve()
        if place == run or run in place.parents:
            raise AuditError(
                f"{out} lies in the run directory {settings.run}, which stays as it is; give a "
                "place outside it"
            )
        if settings.card is not None:
            read_card(settings.card)
        elif settings.to not in FOLDERS:
            example = "verdicts.csv" if settings.to == "csv" else "model-index.yaml"
            check_table_path(out, [], example=example)
        else:
            _check_folder(out, settings.to)
    except OSError as err:
        raise AuditError(
            f"{out} cannot be used: {err.strerror or err}; give another place"
        ) from err


def _check_folder(out: Path, to: str) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise AuditError(
            f"{out} is a file or a link, and --to {to} makes a folder; give another -o"
        )
    if (out.is_dir() and any(out.iterdir())) or storage.open_tree(out):
        raise AuditError(f"{out} exists and is not empty; give a new -o, or remove it")
    above = next(each for each in out.absolute().parents if each.exists())
    if not above.is_dir():
        raise AuditError(f"{above} is a file, so {out} cannot be made; give another -o")
    if not os.access(above, os.W_OK | os.X_OK):
        raise AuditError(f"{above} cannot be written; give another -o")
