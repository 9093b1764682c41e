"""What actors are told of an audit: the checkpoint, the judges, and the files of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from t2i_audit.engine.files import SentPath, sent_path
from t2i_audit.judges.clip_spec import LOCAL
from t2i_audit.judges.load import is_server, judge_specs
from t2i_audit.run.manifest import library_versions
from t2i_audit.settings import ModelOptions, Placement

if TYPE_CHECKING:
    from prompts.structure import Prompt
    from t2i_audit.models.loaded import LoadedModel
    from t2i_audit.settings import AuditSettings
    from t2i_audit.stages.judging import Judging

LABELS, CLIP = "human", "clip"


@dataclass(frozen=True, eq=False)
class Order:
    """All that an actor needs to work as the driver would."""

    name: str
    """The checkpoint's, as the user wrote it."""
    source: str
    """What to load: a built-in name, or the file or folder that the driver has loaded."""
    dtype: str
    device: str
    judge_device: str
    placement: Placement
    options: ModelOptions
    weights_sha256: str
    """Of what the driver has loaded."""
    judges: tuple[str | None, ...]
    """The judges of the panel; None of one that stays with the driver."""
    fingerprints: tuple[Mapping[str, str], ...]
    """Of the same judges, as the driver has loaded them."""
    at_once: int | None
    """Most images that a judge is shown at once."""
    prompts: Mapping[str, Prompt]
    """By id."""
    sent: tuple[SentPath, ...]
    """The files and folders that `source`, `options` and `judges` name."""
    versions: Mapping[str, str]
    """Of Python, this package and the libraries, on the driver's machine."""
    threads: int
    """Threads of a network on a CPU, on which rounding depends."""

    def at(self, paths: Mapping[str, str]) -> Order:
        """The same order where what was given as a key of `paths` lies at its value."""
        options = self.options
        config = None if options.config is None else str(options.config)
        source = paths.get(self.source, self.source)
        trusts = options.trust_remote_code == self.name
        return replace(
            self,
            source=source,
            options=replace(
                options,
                config=None if config is None else Path(paths.get(config, config)),
                lora=tuple(f"{paths.get(path, path)}:{w!r}" for path, w in options.loras()),
                embedding=tuple(
                    paths.get(path, path) + ("" if token is None else f":{token}")
                    for path, token in options.embeddings()
                ),
                trust_remote_code=source if trusts else None,
            ),
            judges=tuple(None if spec is None else _judge_at(spec, paths) for spec in self.judges),
        )


def order_of(
    settings: AuditSettings, loaded: LoadedModel, judging: Judging, prompts: tuple[Prompt, ...]
) -> Order:
    """What actors are told of an audit that this process has planned."""
    import torch

    source = loaded.name if loaded.source == "builtin" else str(loaded.path)
    specs = tuple(_for_actors(spec) for spec in judge_specs(settings.judge))
    options = settings.model_options
    if loaded.source == "hub":
        # What these say has been found: it is the snapshot of one commit.
        options = replace(options, revision=None, local_files_only=False)
    given = dict.fromkeys(
        [
            *([] if loaded.source == "builtin" else [source]),
            *([] if options.config is None else [str(options.config)]),
            *(path for path, _ in (*options.loras(), *options.embeddings())),
            *(path for spec in specs if spec is not None for path in _paths_in(spec)),
        ]
    )
    return Order(
        name=loaded.name,
        source=source,
        dtype=loaded.dtype_name,
        device=loaded.device.type,
        judge_device=judging.device.partition(":")[0],
        placement=settings.placement,
        options=options,
        weights_sha256=loaded.weights_sha256,
        judges=specs,
        fingerprints=tuple(member.judge.fingerprint for member in judging.panel),
        at_once=judging.at_once,
        prompts={prompt.id: prompt for prompt in prompts},
        sent=tuple(sent_path(each) for each in given),
        versions=library_versions(),
        threads=torch.get_num_threads(),
    )


def needs_of(order: Order) -> dict[str, float]:
    """The resources that an actor takes, as Ray names them."""
    if order.device != "cuda":
        return {"CPU": order.threads}
    if order.placement.device_map is None:
        return {"GPU": 1, "CPU": 1}
    import torch

    return {"GPU": torch.cuda.device_count(), "CPU": 1}


def _for_actors(spec: str) -> str | None:
    """`spec`, or None where the driver judges: labels and servers need no device of ours."""
    return None if spec.partition(":")[0] == LABELS or is_server(spec) else spec


def _paths_in(spec: str) -> Iterator[str]:
    """The folders on the driver's disk that a judge is read from, as they are given."""
    kind, _, rest = spec.partition(":")
    for number, part in enumerate(rest.split("#")):
        given = part.removeprefix(LOCAL)
        # Without the prefix only a model's own name may be a folder's, and none of CLIP's.
        named = given != part or (number == 0 and kind != CLIP)
        if named and given and Path(given).expanduser().exists():
            yield given


def _judge_at(spec: str, paths: Mapping[str, str]) -> str:
    kind, colon, rest = spec.partition(":")
    parts = []
    for part in rest.split("#"):
        given = part.removeprefix(LOCAL)
        prefix = LOCAL if given != part else ""
        parts.append(prefix + paths.get(given, given))
    return f"{kind}{colon}{'#'.join(parts)}"


def difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """The first difference of two machines' versions, as ``torch 2.14 there and 2.13 here``."""
    for name in sorted({*here, *there}):
        if here.get(name) != there.get(name):
            return f"{name} is {there.get(name)} there and {here.get(name)} here"
    return ""
