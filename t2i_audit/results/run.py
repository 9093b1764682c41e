"""A finished run, read back from its directory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from t2i_audit import storage
from t2i_audit.errors import AuditError, RunDirectoryError
from t2i_audit.results.cost import Cost, read_cost
from t2i_audit.results.place import Place
from t2i_audit.results.readings import ProbeReading
from t2i_audit.results.summary import AGAIN, RunSummary, read_summary
from t2i_audit.results.use import Use, read_use
from t2i_audit.run.columns import COLUMNS, TableName
from t2i_audit.run.directory import MANIFEST, SUMMARY, read_manifest
from t2i_audit.run.images import is_packed, read_image
from t2i_audit.run.manifest import Manifest
from t2i_audit.run.results import result_names, unlike_sealed, use_names
from t2i_audit.run.tables import read_rows, read_table, table_path

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    from PIL import Image

    from t2i_audit.results.features import PlaceFeatures


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: its directory, its manifest and its summary, and its tables on demand.

    `t2i_audit.load_run` makes one of a directory.

    >>> import t2i_audit as t2i
    >>> run = t2i.load_run("runs/demo")
    >>> run.summary.success.overall.n
    8
    >>> relation = run.summary.stations["denoiser"].slots["relation"]
    >>> relation.verdict, relation.reason
    ('undefined', 'it has 8 prompts for 3 values, and needs 10 for each')
    """

    path: Path
    """The run directory; its working copy on this machine if the run is in a store."""
    manifest: Manifest
    """What was asked for, and with which versions of the libraries."""
    summary: RunSummary
    """Every estimate with its interval."""

    @property
    def cost(self) -> Cost | None:
        """What sampling the images took; None where that was not recorded, as of images made
        elsewhere.

        >>> import t2i_audit as t2i
        >>> run = t2i.load_run("runs/demo")
        >>> run.cost.images, sorted(run.cost.parameters)
        (8, ['text_encoder', 'unet', 'vae'])
        """
        return read_cost(self.path)

    @property
    def use(self) -> Use | None:
        """What interventions show that the denoiser draws from; None where none were made.

        >>> import t2i_audit as t2i
        >>> t2i.load_run("runs/demo").use is None
        True
        """
        return read_use(self.path) if use_names(self.manifest) else None

    def table(self, name: TableName) -> pd.DataFrame:
        """A table of the run as a pandas DataFrame.

        Columns that hold JSON in the file (`t2i_audit.run.columns` lists them) become Python lists
        and dictionaries, e.g. ``judgements.slots`` is a dictionary from slot to bool. An undefined
        number is NaN, and a value that does not exist is None.

        The table ``judgements`` has a row for each image and judge, those of the primary judge
        first; ``judgements[judgements.judge == run.summary.judge]`` are the verdicts on which all
        figures rest.

        >>> import t2i_audit as t2i
        >>> run = t2i.load_run("runs/demo")
        >>> run.table("judgements")[["prompt_id", "seed", "correct"]].shape
        (8, 3)
        >>> run.table("prompts").constituents[0][0]["slot"]
        'object_1.colour'

        Raises:
            AuditError: there is no table of that name in this run.
            RunDirectoryError: the table cannot be read.
        """
        import pandas as pd

        self._require_table(name)
        rows = read_rows(table_path(self.path, name), name)
        columns = [column.name for column in COLUMNS[name]]
        frame = read_table(table_path(self.path, name), name).to_pandas()
        for column in COLUMNS[name]:
            if column.type == "json":
                frame[column.name] = pd.Series([row[column.name] for row in rows], dtype=object)
        return frame[columns]

    def probe_readings(self) -> tuple[ProbeReading, ...]:
        """Every probe of the run, in the order of the table ``probes``.

        >>> import t2i_audit as t2i
        >>> reading = t2i.load_run("runs/demo").probe_readings()[0]
        >>> reading.station, reading.place.layer
        ('text_encoder', 'embeddings')
        """
        rows = read_rows(table_path(self.path, "probes"), "probes")
        return tuple(map(ProbeReading.from_row, rows))

    def best_place(self, slot: str, *, station: str = "text_encoder") -> Place:
        """The place at which `slot` is decoded best at `station`, the first of equals.

        It is the best of all places by the figure that is reported for it, so that figure is
        optimistic; the summary's is not, as it chooses places inside the training folds.

        >>> import t2i_audit as t2i
        >>> t2i.load_run("runs/demo").best_place("relation").encoder
        'text_encoder'

        Raises:
            AuditError: `slot` was decoded nowhere at `station`.
        """
        readings = [
            reading
            for reading in self.probe_readings()
            if (reading.station, reading.slot) == (station, slot)
            and reading.balanced_accuracy.is_defined
        ]
        if not readings:
            raise AuditError(f"slot {slot!r} was decoded nowhere at {station} in {self.path}")
        return max(readings, key=lambda each: each.balanced_accuracy.estimate).place

    def features(self, place: Place) -> PlaceFeatures:
        """The recorded states at `place`, one row per prompt that has them.

        >>> import t2i_audit as t2i
        >>> run = t2i.load_run("runs/demo")
        >>> features = run.features(run.best_place("relation"))
        >>> features.values.shape[0] == len(features.prompt_ids)
        True

        Raises:
            AuditError: the run recorded nothing at `place`.
            RunDirectoryError: what it recorded is missing or cannot be read.
        """
        from t2i_audit.results.features import features_at

        return features_at(self, place)

    def disagreements(self) -> pd.DataFrame:
        """The images on which judges of the run differ, one row each.

        The columns are ``prompt_id``, ``seed``, ``image`` and one for each judge, with its verdict:
        True, False, or None where it has none. A judge without a verdict differs from nobody.

        >>> import t2i_audit as t2i
        >>> t2i.load_run("runs/demo").disagreements().empty  # with a single judge
        True

        Raises:
            AuditError: the run made no images.
            RunDirectoryError: the table ``judgements`` cannot be read.
        """
        from t2i_audit.results.disagreements import disagreements

        return disagreements(self.table("judgements"))

    def image_paths(self, prompt_id: str) -> dict[int, Path]:
        """The image files of one prompt by seed, copied to this machine if the run is in a store.

        >>> import t2i_audit as t2i
        >>> run = t2i.load_run("runs/demo")
        >>> prompt_id = run.table("prompts").prompt_id[0]
        >>> [path.suffix for path in run.image_paths(prompt_id).values()]
        ['.png']

        Raises:
            AuditError: the run made no images, has no such prompt, or its images are packed.
        """
        if is_packed(self.manifest.settings):
            raise AuditError(
                f"the images of {self.path} are packed and have no files of their own; "
                "Run.images reads them"
            )
        paths = self._paths_of(prompt_id)
        storage.fetch(paths.values())
        return paths

    def images(self, prompt_id: str) -> dict[int, Image.Image]:
        """The images of one prompt by seed, as PIL images.

        >>> import t2i_audit as t2i
        >>> run = t2i.load_run("runs/demo")
        >>> prompt_id = run.table("prompts").prompt_id[0]
        >>> run.images(prompt_id)[0].size
        (64, 64)

        Raises:
            AuditError: the run made no images, or has no such prompt.
            RunDirectoryError: an image cannot be read.
        """
        from PIL import Image

        opened = {}
        for seed, path in self._paths_of(prompt_id).items():
            try:
                with Image.open(io.BytesIO(read_image(path))) as image:
                    opened[seed] = image.copy()
            except OSError as err:
                raise RunDirectoryError(f"{path} cannot be read: {err}; {AGAIN}") from err
        return opened

    def dataset(self) -> datasets.Dataset:
        """The images with their prompts, structure and verdicts, one row per image.

        The columns are ``image``, ``prompt_id``, ``seed``, ``prompt``, ``type``,
        ``template``, ``split``, ``constituents`` (slot, kind, value, start, end, entities),
        ``foils`` (text, change),
        ``correct`` (None where that is undecided), ``verdicts`` (the same of each judge; all other
        columns are of the primary one), ``slots`` (slot and whether it is right; empty
        for a judge that does not judge slots), ``margin``, ``chosen``, ``flaw``, and ``cause`` of
        the prompt's failure.

        >>> import t2i_audit as t2i
        >>> rows = t2i.load_run("runs/demo").dataset()
        >>> len(rows), rows[0]["image"].size, rows[0]["constituents"][0]["value"]
        (8, (64, 64), 'blue')

        Raises:
            AuditError: the run made no images.
            RunDirectoryError: a table or an image is missing or cannot be read.
        """
        from t2i_audit.results.dataset import dataset_of

        return dataset_of(self)

    def _paths_of(self, prompt_id: str) -> dict[int, Path]:
        """What the images of one prompt are called by seed."""
        paths = {seed: path for other, seed, path in self._images() if other == prompt_id}
        if not paths:
            raise AuditError(f"{self.path} holds no image of a prompt {prompt_id!r}")
        return paths

    def _images(self) -> Iterator[tuple[str, int, Path]]:
        self._require_table("judgements")
        for row in read_table(table_path(self.path, "judgements"), "judgements").to_pylist():
            if row["judge"] == self.summary.judge:
                yield row["prompt_id"], row["seed"], self.path / row["image"]

    def _require_table(self, name: TableName) -> None:
        names = [
            file.removesuffix(".parquet")
            for file in (*result_names(self.manifest), *use_names(self.manifest))
            if file.endswith(".parquet")
        ]
        if name not in names:
            raise AuditError(f"{self.path} has no table {name!r}; it has {', '.join(names)}")


def load_run(path: str | Path) -> Run:
    """Read the finished run in the directory `path`, or at a URL such as ``s3://bucket/runs/a``.

    The summary and the tables are compared with the checksums that the run left.

    >>> import t2i_audit as t2i
    >>> t2i.load_run("runs/demo").summary.suite
    'world-relations'

    Raises:
        RunDirectoryError: `path` holds no run, the run is not finished, or its summary or one of
            its tables is missing or was changed since.
    """
    run = load_audited(storage.local_folder(path))
    _require_as_sealed(run.path, run.manifest, use_names(run.manifest), f"t2i-audit use {run.path}")
    return run


def load_audited(path: Path) -> Run:
    """As `load_run`, whatever state the results are in of what was drawn anew to measure use."""
    manifest = read_manifest(path)
    if not manifest.complete or not manifest.files:
        raise RunDirectoryError(
            f"the run in {path} is not finished; the command that began it goes on with it"
        )
    _require_as_sealed(path, manifest, result_names(manifest))
    return Run(path, manifest, read_summary(path / SUMMARY))


def _require_as_sealed(
    path: Path, manifest: Manifest, names: Sequence[str], command: str = ""
) -> None:
    """Refuse results that were changed since they were written; `command` makes them again."""
    changed = unlike_sealed(path, manifest, names)
    if changed:
        file = path / changed[0]
        what = f"is not as the run wrote it (see the checksums in {MANIFEST})"
        again = f"give {command} again, which makes it anew" if command else AGAIN
        raise RunDirectoryError(f"{file} {what if file.exists() else 'is missing'}; {again}")
