"""Loading a judge by its name on the command line."""

from __future__ import annotations

import difflib

from t2i_audit.errors import JudgeError
from t2i_audit.judges.base import Judge
from t2i_audit.judges.scope import Reader

NAMES = ("clip", "oracle")


def load_judge(spec: str, *, device: str) -> Judge:
    """Load ``oracle``, ``clip``, ``clip:MODEL/TAG`` or ``clip:local-dir:PATH``.

    Raises:
        JudgeError: there is no such judge (the nearest are named), or it does not load.
    """
    if spec == "oracle":
        from t2i_audit.judges.oracle import OracleJudge

        return OracleJudge()
    if _is_clip(spec):
        from t2i_audit.judges.clip import ClipJudge

        return ClipJudge.from_spec(spec, device=device)
    raise _unknown(spec)


def load_reader(spec: str) -> Reader:
    """The prompt-reading part of judge `spec`; only the tokenizer of a hub model is fetched.

    Raises:
        JudgeError: as `load_judge`.
    """
    if _is_clip(spec):
        from t2i_audit.judges.clip_spec import parse_clip
        from t2i_audit.judges.clip_text import ClipText

        return ClipText.load(parse_clip(spec))
    return load_judge(spec, device="cpu")


def _is_clip(spec: str) -> bool:
    return spec == "clip" or spec.startswith("clip:")


def _unknown(spec: str) -> JudgeError:
    near = difflib.get_close_matches(spec, NAMES, cutoff=0.4) or NAMES
    return JudgeError(
        f"there is no judge {spec!r}; did you mean {' or '.join(near)}? (clip takes a model as "
        "clip:MODEL/TAG or clip:local-dir:PATH)"
    )
