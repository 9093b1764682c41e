"""Help texts whose options are grouped in sections, as plain text.

Typer draws groups (``rich_help_panel``) with rich alone, which doubles the time until the help
appears and leaves half of 80 columns for the descriptions. The groups are declared as typer
expects them all the same.
"""

from __future__ import annotations

from typing import Any, get_args

from typer.core import TyperCommand

from t2i_audit.settings.option import Group

GROUPS = get_args(Group)
PLAIN = "Options"  # the heading where no option has a group


class GroupedCommand(TyperCommand):
    """A command whose help lists its options by group."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and then the options of each group in a section of its own."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        parameters = self.get_params(ctx)
        grouped = any(_group(each) for each in parameters)
        headings = {name: f"{name} options" for name in GROUPS} if grouped else {"": PLAIN}
        sections |= {heading: [] for heading in headings.values()}
        for each in parameters:
            record = each.get_help_record(ctx)
            if record is None:
                continue
            if each.param_type_name == "argument":
                sections["Arguments"].append(record)
            else:
                # Help, and options that belong to no group, stand with those of the run.
                group = (_group(each) or GROUPS[0]) if grouped else ""
                sections[headings[group]].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def _group(parameter: Any) -> str | None:
    group: str | None = getattr(parameter, "rich_help_panel", None)
    return group
