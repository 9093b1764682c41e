"""Silence for the libraries' own progress bars and advice while a model loads or runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Have the libraries that load and run models print nothing, and no bars, while the block runs.

    What goes wrong in them still reaches the caller, as an exception.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    both = (diffusers_logging, transformers_logging)
    # The hub's client and open_clip log to loggers of their own, errors that they raise included.
    disabled = logging.root.manager.disable
    before = [(log.get_verbosity(), log.is_progress_bar_enabled()) for log in both]
    try:
        logging.disable(logging.ERROR)
        for log in both:
            log.set_verbosity_error()
            log.disable_progress_bar()
        yield
    finally:
        logging.disable(disabled)
        for log, (verbosity, bars) in zip(both, before, strict=True):
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()
