"""The program ``t2i-audit``.

Only light modules are imported here and by the commands' modules. What needs torch is imported
when a command runs, so that the help appears at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer
from typer.exceptions import Abort, TyperException

from prompts.errors import PromptsError
from t2i_audit import __version__
from t2i_audit.cli import (
    associate,
    audit,
    bash,
    calibrate,
    compare,
    doctor,
    export,
    forecast,
    judge,
    label,
    leaderboard,
    merge,
    models,
    plan,
    probe,
    prompts,
    report,
    status,
    use,
)
from t2i_audit.cli.encoding import write_utf8
from t2i_audit.cli.help import GroupedCommand
from t2i_audit.cli.plugins import ProgramCommands
from t2i_audit.cli.termination import TERMINATED, Terminated, ending_when_told
from t2i_audit.failures import sentence_of
from t2i_audit.printable import print_line, printable_messages
from t2i_audit.spinning import bound_spinning

BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells count
RESUME = "give the same command again to resume where it stopped"
INTERRUPTED_TEXT = f"interrupted; {RESUME}"

app = typer.Typer(
    name="t2i-audit",
    cls=ProgramCommands,
    help="Audit text-to-image checkpoints: which parts of a prompt are lost, how often, and where.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(name: str, command: Callable[..., None], summary: str) -> None:
    app.command(name, cls=GroupedCommand, short_help=summary)(command)


_add("audit", audit.audit, "Make, judge and probe images, and find where failures arise.")
_add("probe", probe.probe, "Probe the text encoders alone; no images.")
_add("plan", plan.plan, "Say what an audit of a suite can show; nothing is run.")
_add("doctor", doctor.doctor, "Show what an audit can read of a checkpoint.")
_add("judge", judge.judge, "Judge the images of a finished audit with another judge.")
_add("label", label.label, "Write a page on which people label images.")
_add("calibrate", calibrate.calibrate, "Measure a judge's errors, and correct success for them.")
_add("use", use.use, "Measure which slots the denoiser draws from, by images drawn anew.")
_add("forecast", forecast.forecast, "Forecast which new prompts fail; no images.")
_add("status", status.status, "Say how far a run is, and which processes are at work in it.")
_add("merge", merge.merge, "Join the shards of an audit.")
_add("export", export.export, "Write a run for other tools: datasets, GenEval, CSV, a card.")
app.add_typer(models.app, name="models")
app.add_typer(prompts.app, name="prompts")
_add("compare", compare.compare, "Say whether a candidate is better than its base.")
_add("leaderboard", leaderboard.leaderboard, "Compare finished audits.")
_add("report", report.report, "Write a run, a leaderboard or a comparison as an HTML page.")
_add("associate", associate.associate, "Relate decodability to success, also over models.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on `argv` (the process's own if None); returns the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    bound_spinning()
    write_utf8()

    def run() -> object:
        return app(arguments or ["--help"], prog_name="t2i-audit", standalone_mode=False)

    try:
        with printable_messages(), ending_when_told():
            code = bash.complete(run) if bash.is_asked() else run()
    except (KeyboardInterrupt, Abort):
        return _fail(INTERRUPTED_TEXT, INTERRUPTED)
    except Terminated:
        return _fail(f"told to end (SIGTERM); {RESUME}", TERMINATED)
    except TyperException as err:
        return _fail(_usage_sentence(err), BAD_INPUT)
    except Exception as err:
        sentence = sentence_of(err)
        if sentence is None:
            raise
        return _fail(sentence, detail=err.detail if isinstance(err, PromptsError) else "")
    # Typer itself turns an interrupt into this exit code and says nothing.
    if code == INTERRUPTED:
        return _fail(INTERRUPTED_TEXT, INTERRUPTED)
    return code if isinstance(code, int) else 0


def _version(asked: bool) -> None:
    if not asked:
        return
    import platform

    from t2i_audit.run.manifest import library_versions

    print_line(f"t2i-audit {__version__}")
    print_line(f"{platform.python_implementation()} {platform.python_version()}")
    print_line(platform.platform())
    # Read from the libraries' metadata: none is imported.
    for name, version in library_versions().items():
        if name not in ("python", "t2i-audit"):
            print_line(f"{name} {version}")
    raise typer.Exit()


@app.callback()
def _program(
    version: bool = typer.Option(
        False,
        "--version",
        callback=_version,
        is_eager=True,
        help="Show the versions of the program and of the libraries, and exit.",
    ),
) -> None:
    """Options of the program itself."""


def _usage_sentence(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "t2i-audit"
    return f"{error.format_message().rstrip('.')} (see `{path} --help`)"


def _fail(sentence: str, code: int = BAD_INPUT, *, detail: str = "") -> int:
    """Say `sentence` on stderr, on one line; `detail` goes beneath as it is."""
    print_line(f"t2i-audit: {' '.join(sentence.split())}", to=sys.stderr)
    for line in detail.split("\n") if detail else ():
        print_line(line, to=sys.stderr)
    return code
