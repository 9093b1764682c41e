"""What the manual already names and other branches are still to bring.

Every entry is checked to be missing, so an entry that has arrived fails a test until it is removed.
"""

PENDING_MODULES: frozenset[str] = frozenset()
PENDING_COMMANDS: frozenset[str] = frozenset({"doctor"})
PYTHON_API_IS_PENDING = True
