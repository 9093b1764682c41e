"""A judge by its name on the command line."""

from __future__ import annotations

import difflib

from t2i_audit.errors import JudgeError
from t2i_audit.judges.judgement import Judge

NAMES = ("clip", "oracle")


def load_judge(spec: str, *, device: str) -> Judge:
    """Load ``oracle``, ``clip``, ``clip:MODEL/TAG`` or ``clip:local-dir:PATH``.

    Raises `JudgeError` naming the nearest judges, or why one cannot load.
    """
    if spec == "oracle":
        from t2i_audit.judges.oracle import OracleJudge

        return OracleJudge()
    if spec == "clip" or spec.startswith("clip:"):
        from t2i_audit.judges.clip import ClipJudge

        return ClipJudge.from_spec(spec, device=device)
    near = difflib.get_close_matches(spec, NAMES, cutoff=0.4) or NAMES
    raise JudgeError(
        f"there is no judge {spec!r}; did you mean {' or '.join(near)}? (clip takes a model as "
        "clip:MODEL/TAG or clip:local-dir:PATH)"
    )
