"""The state of Python and torch that a training relies on, kept while an audit runs in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Run the block without gradients and autocast, and give all random states back afterwards.

    They are those of Python, numpy, and torch on the CPU and on this process's accelerator. What
    the caller has switched on holds again after the block, however that ends.
    """
    import numpy as np
    import torch

    ours, numbers = random.getstate(), np.random.get_state()
    kinds, devices = ["cpu"], []
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None:
        kinds.append(accelerator.type)
        devices.append(torch.accelerator.current_device_index())
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices))
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.no_grad())
        try:
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(numbers)
