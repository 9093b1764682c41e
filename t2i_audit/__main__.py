"""``python -m t2i_audit`` is the same as ``t2i-audit``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # With -m, Python (and so each launcher) looks for modules in the current folder first. There, a
    # user's prompts.py or synthetic.py must not take the place of our packages.
    here = Path(sys.path[0]).resolve()
    if not sys.flags.safe_path and here == Path.cwd() and here != Path(__file__).parents[1]:
        del sys.path[0]

    from t2i_audit.cli.main import main

    sys.exit(main())
