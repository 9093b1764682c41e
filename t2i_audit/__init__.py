"""Audits of text-to-image checkpoints; import the submodules, this package itself stays light."""

__version__ = "0.1.0"
