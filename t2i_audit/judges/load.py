"""Loading a judge by its name on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judge
from t2i_audit.judges.scope import Reader
from t2i_audit.settings import AUTO_JUDGE


@dataclass(frozen=True)
class Kind:
    """A kind of judge: what its specifications begin with, and how it is loaded."""

    form: str
    """How it is written, e.g. ``clip:MODEL/TAG``."""
    load: Callable[[str, str], Judge]
    """From the whole specification and the device's name."""
    load_reader: Callable[[str], Reader]
    """The part that reads prompts; of a hub model, no more than the tokenizer is fetched."""


def load_judge(spec: str, *, device: str) -> Judge:
    """Load the judge that `spec` names, e.g. ``oracle`` or ``clip:MODEL/TAG``.

    Raises:
        JudgeError: there is no such judge (the nearest are named), or it does not load.
    """
    return kind_of(spec).load(spec, device)


def judge_specs(text: str) -> tuple[str, ...]:
    """The judges that `text` names, separated by commas.

    A comma inside a path is not a separator: what follows it begins with no kind of judge.

    >>> judge_specs("oracle,clip:local-dir:a,b/c,clip")
    ('oracle', 'clip:local-dir:a,b/c', 'clip')

    Raises:
        JudgeError: nothing stands before or after a comma, or a judge is named twice.
    """
    specs: list[str] = []
    for part in text.split(","):
        starts = part.strip().partition(":")[0] in (*KINDS, AUTO_JUDGE)
        if specs and not starts and ":" in specs[-1]:
            specs[-1] += f",{part}"
        else:
            specs.append(part.strip())
    if "" in specs:
        raise JudgeError(f"judges are separated by single commas, as in oracle,clip; got {text!r}")
    twice = next((spec for spec in specs if specs.count(spec) > 1), None)
    if twice is not None:
        raise JudgeError(f"judge {twice!r} is named twice; name each judge once")
    return tuple(specs)


def load_reader(spec: str) -> Reader:
    """The prompt-reading part of judge `spec`; only the tokenizer of a hub model is fetched.

    Raises:
        JudgeError: as `load_judge`.
    """
    return kind_of(spec).load_reader(spec)


def _load_oracle(spec: str, device: str) -> Judge:
    from t2i_audit.judges.oracle import OracleJudge

    return OracleJudge()


def _read_oracle(spec: str) -> Reader:
    from t2i_audit.judges.oracle import OracleJudge

    return OracleJudge()


def _load_clip(spec: str, device: str) -> Judge:
    from t2i_audit.judges.clip import ClipJudge

    return ClipJudge.from_spec(spec, device=device)


def _read_clip(spec: str) -> Reader:
    from t2i_audit.judges.clip_spec import parse_clip
    from t2i_audit.judges.clip_text import ClipText

    return ClipText.load(parse_clip(spec))


def _load_human(spec: str, device: str) -> Judge:
    from t2i_audit.judges.human import HumanJudge

    return HumanJudge(spec.partition(":")[2])


def _read_human(spec: str) -> Reader:
    from t2i_audit.judges.human import HumanJudge

    return HumanJudge(spec.partition(":")[2])


def _load_vqa(spec: str, device: str) -> Judge:
    if is_server(spec):
        from t2i_audit.judges.vqa_server import VqaServerJudge

        return VqaServerJudge.from_spec(spec)
    from t2i_audit.judges.vqa import VqaJudge

    return VqaJudge.from_spec(spec, device=device)


def _read_vqa(spec: str) -> Reader:
    if is_server(spec):
        from t2i_audit.judges.vqa_server import ServerReader
        from t2i_audit.judges.vqa_server_spec import parse_server

        return ServerReader(parse_server(spec))
    from t2i_audit.judges.vqa_spec import parse_vqa
    from t2i_audit.judges.vqa_text import VqaText

    return VqaText.load(parse_vqa(spec))


def is_server(spec: str) -> bool:
    """Whether judge `spec` stands for a model on a server, as ``vqa:http://HOST/v1#MODEL`` does."""
    return "://" in spec or spec.startswith(("vqa:http:", "vqa:https:"))


def _load_geneval(spec: str, device: str) -> Judge:
    from t2i_audit.judges.geneval import GenEvalJudge

    return GenEvalJudge.from_spec(spec, device=device)


def _read_geneval(spec: str) -> Reader:
    from t2i_audit.judges.geneval import GenEvalReader

    return GenEvalReader.from_spec(spec)


KINDS: Mapping[str, Kind] = {
    "clip": Kind("clip:MODEL/TAG or clip:local-dir:PATH", _load_clip, _read_clip),
    "geneval": Kind("geneval:DETECTOR or geneval:DETECTOR#CLIP", _load_geneval, _read_geneval),
    "human": Kind("human:FILE or human:FORMAT:FILE", _load_human, _read_human),
    "oracle": Kind("oracle", _load_oracle, _read_oracle),
    "vqa": Kind("vqa:OWNER/NAME, vqa:FOLDER or vqa:http://HOST/v1#MODEL", _load_vqa, _read_vqa),
}
NAMES = tuple(KINDS)


def kind_of(spec: str) -> Kind:
    """The kind of the judge `spec`; nothing is loaded.

    Raises:
        JudgeError: there is no such kind (the nearest are named).
    """
    name, colon, _ = spec.partition(":")
    kind = KINDS.get(name)
    if kind is None or (colon and ":" not in kind.form):
        near = difflib.get_close_matches(spec, NAMES, cutoff=0.4) or NAMES
        raise JudgeError(
            f"there is no judge {spec!r}; did you mean {' or '.join(near)}? (clip takes a model "
            "as clip:MODEL/TAG or clip:local-dir:PATH, vqa as vqa:OWNER/NAME, vqa:FOLDER or "
            "vqa:http://HOST/v1#MODEL)"
        )
    return kind
