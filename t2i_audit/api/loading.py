"""Suites and checkpoints, as an audit loads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.errors import SuiteError

if TYPE_CHECKING:
    from prompts.suite import Suite
    from t2i_audit.models.devices import DeviceName, DtypeName
    from t2i_audit.models.loaded import LoadedModel


def load_suite(source: str | Path) -> Suite:
    """The prompts of a shipped suite, by name, or of a JSON Lines file, by path.

    >>> import t2i_audit as t2i
    >>> suite = t2i.load_suite("world-smoke")
    >>> suite.name, suite.prompts[0].constituents[0].slot
    ('world-smoke', 'object_1.colour')

    Raises:
        AuditError: there is no such suite, or a line of it is at fault.
    """
    from prompts.errors import PromptsError
    from prompts.suite import load_suite as load

    try:
        return load(str(source))
    except PromptsError as err:
        raise SuiteError(str(err)) from err


def load_model(
    name: str, *, dtype: DtypeName = "auto", device: DeviceName = "auto", **options: Any
) -> LoadedModel:
    """Load a checkpoint as an audit does; its diffusers pipeline is `LoadedModel.pipeline`.

    >>> import t2i_audit as t2i
    >>> t2i.load_model("builtin:sound", device="cpu").dtype_name
    'float32'

    Args:
        name: as in `audit`.
        dtype: of all networks; ``auto`` is float32 on a CPU.
        device: ``auto`` takes CUDA, then MPS, then the CPU.
        options: ``placement`` and ``options`` of `t2i_audit.models.load_model`.

    Raises:
        AuditError: it cannot be found, is incomplete, or does not load.
    """
    from t2i_audit.models.load import load_model as load

    return load(name, dtype=dtype, device=device, **options)
