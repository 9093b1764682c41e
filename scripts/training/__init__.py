"""How the built-in checkpoints are trained; `scripts/train_builtin.py` is the entry point."""
