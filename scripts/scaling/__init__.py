"""Modules of the scaling study; `scripts/scaling_study.py` is the entry point."""
