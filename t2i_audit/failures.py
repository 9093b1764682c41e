"""What goes wrong although no code is at fault, as one sentence for the user."""

from __future__ import annotations

import errno

from prompts.errors import PromptsError
from t2i_audit.errors import AuditError
from t2i_audit.models.out_of_memory import is_out_of_memory

SHORT_TEXT = (
    "memory ran short; what is done is kept, so give the same command again while less else runs "
    "on the machine, or with a smaller --batch-size"
)


def sentence_of(error: BaseException) -> str | None:
    """What went wrong, for failures that the user can put right; None for any other."""
    if isinstance(error, AuditError | PromptsError):
        return str(error)
    if isinstance(error, OSError):
        return _os_error_sentence(error)
    if isinstance(error, RuntimeError) and is_out_of_memory(error):
        return SHORT_TEXT
    return None


def _os_error_sentence(error: OSError) -> str | None:
    where = f" at {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}; free some space and give the same command again"
    if error.errno == errno.EFBIG:
        return f"a file{where} may not grow as large as it must; raise the limit (see `ulimit -f`)"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"permission is missing{where} ({error.strerror}); give a place that can be used"
    return None
