"""``python -m t2i_audit`` is the same as ``t2i-audit``."""

import sys

from t2i_audit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
