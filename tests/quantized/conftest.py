"""These tests need torchao and bitsandbytes, which `make test` keeps beside the environment.

Diffusers imports them at every start where they are installed, for which all other tests would
wait.
"""

from __future__ import annotations

import pytest

pytest.importorskip("torchao", reason="torchao is not on the path; see `make test`")
