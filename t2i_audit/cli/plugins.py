"""Commands of other packages, found by their entry points.

A package adds the command ``NAME`` to the program by an entry point of that name in the group
``t2i_audit.commands``, whose object is a `typer.Typer`. The entry points are only looked up for the
help and for a command that the program itself does not have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from t2i_audit.errors import AuditError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "t2i_audit.commands"


class ProgramCommands(TyperGroup):
    """The program's own commands, and after them those of other packages."""

    _complete = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, in the order of the help."""
        self._add_others()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        if cmd_name not in self.commands:
            self._add_others()
        return super().get_command(ctx, cmd_name)

    def _add_others(self) -> None:
        if self._complete:
            return
        # This costs tens of milliseconds, which a command of the program itself need not pay.
        from importlib.metadata import entry_points

        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            if entry.name not in self.commands:
                self.commands[entry.name] = _command(entry)
        self._complete = True


def load(entry: EntryPoint) -> typer.Typer:
    """The commands that an entry point names.

    Raises:
        AuditError: they cannot be imported, or are no `typer.Typer`.
    """
    package = entry.dist.name if entry.dist is not None else entry.module
    remedy = f"install {package} again, or uninstall it"
    try:
        app = entry.load()
    # Importing another package's module can raise anything.
    except Exception as err:
        raise AuditError(
            f"the command {entry.name!r} of the package {package} cannot be loaded from "
            f"{entry.value} ({type(err).__name__}: {err}); {remedy}"
        ) from err
    if not isinstance(app, typer.Typer):
        raise AuditError(
            f"the command {entry.name!r} of the package {package} cannot be loaded: {entry.value} "
            f"is a {type(app).__name__} and not a typer.Typer; {remedy}"
        )
    return app


class BrokenCommand(TyperGroup):
    """Stands in the help for a command that cannot be loaded; to use it raises the error."""

    def __init__(self, name: str, error: AuditError) -> None:
        super().__init__(name=name, help="This command cannot be loaded; run it to see why.")
        self._error = error

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Raise the error in place of parsing the arguments."""
        raise self._error


def _command(entry: EntryPoint) -> TyperGroup:
    try:
        app = load(entry)
    except AuditError as err:
        return BrokenCommand(entry.name, err)
    app.rich_markup_mode = None  # plain help, as that of the program itself
    group = get_group(app)
    group.name = entry.name
    return group
