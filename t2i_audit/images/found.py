"""The images of a folder, matched with their prompts and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prompts.errors import PromptsError
from prompts.structure import Prompt
from prompts.suite import Suite, load_suite
from t2i_audit.errors import SuiteError
from t2i_audit.images.check import check
from t2i_audit.images.detect import list_images
from t2i_audit.images.listing import ImagesError, Listing
from t2i_audit.images.match import match
from t2i_audit.images.metadata_prompts import prompts_of
from t2i_audit.images.notes import shortened
from t2i_audit.images.sources import Sources, missing_of
from t2i_audit.printable import counted
from t2i_audit.reporter import Reporter
from t2i_audit.settings import ImagesOptions

SAMPLES = "samples"  # a folder that says nothing of who made its images
SHOWN = 3  # images that an error names


@dataclass(frozen=True, eq=False)
class Found:
    """Images with their prompts."""

    suite: Suite
    listing: Listing
    sources: Sources

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts of the suite."""
        return self.suite.prompts


def find_images(root: Path, options: ImagesOptions, reporter: Reporter) -> Found:
    """The images in `root` that can be judged, and those that cannot.

    Args:
        root: a folder, or a table, tar or Parquet file.
        options: the user's.
        reporter: receives the progress.

    Raises:
        SuiteError: the suite cannot be read.
        ImagesError: the images cannot be read, or none can be judged.
    """
    listing = list_images(root, options.layout, split=options.dataset_split)
    if options.suite is None:
        whole = Suite(name_of(root), prompts_of(listing.entries, source=root))
    else:
        try:
            whole = load_suite(options.suite)
        except PromptsError as err:
            raise SuiteError(str(err)) from err
    suite = whole.limited(options.limit)
    row_of = {prompt.id: row for row, prompt in enumerate(suite.prompts)}
    matched = match(listing.entries, whole.prompts, by_id=options.suite is not None)
    own = [each for each in matched.placed if each.prompt_id in row_of]
    with reporter.stage("read images", len(own)) as advance:
        images, unreadable = check(listing, own, advance)
    left_out = (*listing.left_out, *matched.left_out, *unreadable)
    if not images:
        why = ", ".join(f"{shortened(each.file)} ({each.reason})" for each in left_out[:SHOWN])
        if len(left_out) > SHOWN:
            why += f" and {counted(len(left_out) - SHOWN, 'other')}"
        if matched.placed and not own:
            why = f"all are of prompts beyond --limit {options.limit}"
        count = len(listing.entries) + len(listing.left_out)
        raise ImagesError(
            f"none of the {count} images in {root} can be judged: {why}; check --suite and --layout"
        )
    ordered = sorted(images, key=lambda each: (each.placed.seed, row_of[each.placed.prompt_id]))
    missing = missing_of(list(row_of), images)
    beyond = len(matched.placed) - len(own)
    sources = Sources(listing.layout, tuple(ordered), left_out, missing, beyond, listing.notes)
    return Found(suite, listing, sources)


def require_all(found: Found) -> None:
    """Refuse images of which some cannot be used, or prompts that lack some.

    Raises:
        ImagesError: there are such.
    """
    out, missing = found.sources.left_out, found.sources.missing
    faults = []
    if out:
        first = ", ".join(f"{shortened(each.file)} ({each.reason})" for each in out[:SHOWN])
        faults.append(f"{counted(len(out), 'image')} cannot be used, e.g. {first}")
    if missing:
        faults.append(f"{len(missing)} of {counted(len(found.prompts), 'prompt')} lack images")
    if faults:
        what = "; ".join(faults)
        raise ImagesError(f"{what}; mend them, or do without --strict to leave them out")


def name_of(root: Path) -> str:
    """The name of a folder, or of the file of a table or an archive."""
    path = root.resolve()
    if path.name == SAMPLES:
        path = path.parent
    return (path.name if path.is_dir() else path.stem) or "images"
