"""The pipeline in a folder, read as it was saved or with its networks quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.errors import first_line
from t2i_audit.errors import ModelError
from t2i_audit.models.builtin import NETWORK_CONFIG
from t2i_audit.models.offload import loading_arguments
from t2i_audit.models.quantize import check_quantization, loading_config
from t2i_audit.models.resolve import absent_components, read_index
from t2i_audit.models.shards import check_weights, with_indices
from t2i_audit.models.variants import check_variant, names_in
from t2i_audit.pipelines.workarounds import moved_modules, quiet_libraries

if TYPE_CHECKING:
    import torch

    from t2i_audit.settings import ModelOptions, Placement


def read_folder(
    path: Path,
    name: str,
    *,
    dtype: torch.dtype,
    device: torch.device,
    options: ModelOptions,
    placement: Placement,
    trusted: bool = False,
    given: Mapping[str, Any] | None = None,
) -> Any:
    """The pipeline in `path`, on the host.

    Args:
        path: its folder.
        name: of the model, as the user wrote it.
        dtype: of all networks, or of what a quantised one computes in.
        device: on which it will run.
        options: its variant, and how it is quantised.
        placement: where it spreads its networks over several devices.
        trusted: whether code that comes with it may run.
        given: components that are not read but taken from here.

    Raises:
        ModelError: it is incomplete, damaged, or quantised in a way that cannot be read.
    """
    from diffusers import DiffusionPipeline

    given = {} if given is None else given
    index, every = read_index(path, name, trusted=trusted)
    components = every - {*given}
    check_variant(names_in(path, components), name, options.variant)
    for component in sorted(components):
        if (path / component / NETWORK_CONFIG).is_file():
            what = f"The component {component!r} of {name!r}"
            check_weights(path / component, what, options.variant)
    check_quantization(
        path,
        name,
        components,
        choice=options.quantize,
        lora=bool(options.lora),
        device=device,
    )
    quantized = {}
    if options.quantize is not None:
        config = loading_config(options.quantize, components, dtype)
        quantized = {"quantization_config": config}
    packages = [str(index[key][0]) for key in components]
    with (
        as_model_error(name),
        quiet_libraries(),
        moved_modules(packages),
        with_indices(path, components) as shown,
    ):
        return DiffusionPipeline.from_pretrained(
            shown,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            variant=options.variant,
            trust_remote_code=trusted,
            **dict.fromkeys(absent_components(path)),
            **loading_arguments(placement),
            **quantized,
            **given,
        )


@contextmanager
def as_model_error(name: str) -> Iterator[None]:
    """Turn what the libraries raise, for damaged files nearly any type, into a `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name!r} does not load: {first_line(error)}") from error
