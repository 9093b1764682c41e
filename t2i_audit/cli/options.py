"""Options of commands that have no settings type of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from t2i_audit.settings import Device

DeviceOption = Annotated[Device, typer.Option("--device", help="Device on which to compute.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", help="Print every table: baselines, controls and associations too."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON instead of as a table.")
]
