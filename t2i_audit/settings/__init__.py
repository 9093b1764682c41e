"""What the user asked for: the settings of each command, checked before any work starts."""

from t2i_audit.settings.audit import AuditSettings, ImageFiles, MergeSettings, check_count
from t2i_audit.settings.build import checked_settings, checked_values, settings_from
from t2i_audit.settings.calibrate import CalibrateSettings
from t2i_audit.settings.defaults import (
    AUTO_JUDGE,
    BUILTIN_PREFIX,
    DEFAULT_BATCH_SIZE,
    DEFAULT_CLIP,
    DEFAULT_MEGABYTES,
    DEFAULT_RANDOM_WEIGHTS,
    DEFAULT_SEEDS,
    DEFAULT_SUITE,
    LARGEST_AUTO_BATCH,
    default_out,
)
from t2i_audit.settings.doctor import DoctorSettings
from t2i_audit.settings.export import ExportSettings
from t2i_audit.settings.forecast import ForecastSettings
from t2i_audit.settings.images import ImagesOptions, Layout
from t2i_audit.settings.judge import JudgeSettings
from t2i_audit.settings.label import LabelSettings
from t2i_audit.settings.many import ManySettings, is_models_file
from t2i_audit.settings.model import (
    GGUF,
    SAFE,
    Device,
    DType,
    ModelOptions,
    Offload,
    Placement,
    Quantization,
)
from t2i_audit.settings.option import (
    Option,
    OptionField,
    all_option_fields,
    may_be_none,
    nested_settings,
    option_fields,
)
from t2i_audit.settings.plan import PlanSettings
from t2i_audit.settings.run import ProbeSettings, RunSettings
from t2i_audit.settings.sampling import ImageOptions
from t2i_audit.settings.status import StatusSettings
from t2i_audit.settings.use import DEFAULT_USE_PROMPTS, UseOptions, UseSettings

__all__ = [
    "AUTO_JUDGE",
    "BUILTIN_PREFIX",
    "DEFAULT_BATCH_SIZE",
    "DEFAULT_CLIP",
    "DEFAULT_MEGABYTES",
    "DEFAULT_RANDOM_WEIGHTS",
    "DEFAULT_SEEDS",
    "DEFAULT_SUITE",
    "DEFAULT_USE_PROMPTS",
    "GGUF",
    "LARGEST_AUTO_BATCH",
    "SAFE",
    "AuditSettings",
    "CalibrateSettings",
    "DType",
    "Device",
    "DoctorSettings",
    "ExportSettings",
    "ForecastSettings",
    "ImageFiles",
    "ImageOptions",
    "ImagesOptions",
    "JudgeSettings",
    "LabelSettings",
    "Layout",
    "ManySettings",
    "MergeSettings",
    "ModelOptions",
    "Offload",
    "Option",
    "OptionField",
    "Placement",
    "PlanSettings",
    "ProbeSettings",
    "Quantization",
    "RunSettings",
    "StatusSettings",
    "UseOptions",
    "UseSettings",
    "all_option_fields",
    "check_count",
    "checked_settings",
    "checked_values",
    "default_out",
    "is_models_file",
    "may_be_none",
    "nested_settings",
    "option_fields",
    "settings_from",
]
