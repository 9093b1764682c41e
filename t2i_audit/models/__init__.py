"""Checkpoints: which ones exist, where they are stored, and how they are loaded."""

from t2i_audit.models.builtin import ModelInfo, builtin_folder, list_models
from t2i_audit.models.load import load_model
from t2i_audit.models.loaded import LoadedModel
from t2i_audit.models.resolve import ResolvedModel, resolve_model

__all__ = [
    "LoadedModel",
    "ModelInfo",
    "ResolvedModel",
    "builtin_folder",
    "list_models",
    "load_model",
    "resolve_model",
]
