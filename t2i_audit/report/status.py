"""How far a run is, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from t2i_audit.printable import counted
from t2i_audit.report.styles import print_legend
from t2i_audit.report.tables import console, make_table
from t2i_audit.reporter import duration

if TYPE_CHECKING:
    from t2i_audit.results.status import ActorStatus, RunStatus, WorkerStatus

LEGEND = (
    "rate: items of the stage in a second, from its beginning to the last one; left: what the rest "
    "of the process's part of the stage takes at this rate"
)


def print_status(status: RunStatus) -> None:
    """Print how far a run is, and a line for each process that works in it."""
    screen = console()
    screen.print(f"{status.run}: {_progress(status)}")
    if not status.workers:
        if not status.finished:
            screen.print(
                "No process is at work; give the command that began the run again to go on."
            )
        return
    rows = [row for worker in status.workers for row in _rows(worker, len(status.workers))]
    headings = ["part", "process", "state", "images", "stage", "done", "rate", "left"]
    screen.print(make_table(headings, rows, gap=1))
    print_legend(screen, LEGEND)
    if any(worker.state == "silent" for worker in status.workers):
        print_legend(
            screen,
            "silent: no sign of life for a minute, by the clocks of both machines; the process was "
            "killed, or its machine is gone",
        )


def _progress(status: RunStatus) -> str:
    images = "" if status.images is None else f"{status.images:,} of {status.of_images:,} images"
    if status.finished:
        return f"finished, {images}" if images else "finished"
    done = [name for name, state in status.stages.items() if state == "done"]
    stages = f"{len(done)} of {counted(len(status.stages), 'stage')} done"
    return ", ".join(filter(None, (images, stages)))


def _rows(worker: WorkerStatus, count: int) -> Iterator[list[str]]:
    images = "" if worker.images is None else f"{worker.images:,}/{worker.of_images:,}"
    part = f"{worker.number} of {count}"
    if worker.state == "absent":
        yield [part, "", "no process", images, "", "", "", ""]
        return
    yield [
        part,
        f"{worker.host}:{worker.process}",
        _state(worker),
        images,
        worker.stage,
        f"{worker.done:,}/{worker.total:,}",
        "" if worker.rate is None else f"{worker.rate:.3g}/s",
        "" if worker.left is None else f"about {duration(worker.left)}",
    ]
    yield from (_actor_row(actor) for actor in worker.actors)


def _state(worker: WorkerStatus) -> str:
    if worker.state == "silent" and worker.heard is not None:
        return f"silent for {duration(worker.heard)}"
    return worker.state


def _actor_row(actor: ActorStatus) -> list[str]:
    state = f"silent for {duration(actor.last)}" if actor.is_silent else "at work"
    return ["", f"actor {actor.name}", state, f"{actor.made:,}", "", "", "", ""]
