"""Settings of the command that shows what an audit can read of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from t2i_audit.settings.model import DeviceOption, DTypeOption, ModelOptions, Placement
from t2i_audit.settings.option import Option, check_options
from t2i_audit.settings.run import MODEL_HELP
from t2i_audit.settings.sampling import ImageOptions, Steps


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    """Settings of the command that shows what an audit can read of a checkpoint.

    Raises:
        AuditError: a value is out of its range.
    """

    model: Annotated[str, Option("MODEL", MODEL_HELP, not_empty=True)]
    dtype: DTypeOption = "auto"
    device: DeviceOption = "auto"
    steps: Steps = None
    image_options: ImageOptions = field(default_factory=ImageOptions)
    model_options: ModelOptions = field(default_factory=ModelOptions)
    placement: Placement = field(default_factory=Placement)

    def __post_init__(self) -> None:
        check_options(self)
