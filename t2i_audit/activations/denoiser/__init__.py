"""The denoiser station: what a denoiser's blocks hold of a prompt while an image is sampled.

The denoiser is traced once (`trace`), from that its layout is decided (`locate`: what is `declared`
of its family first, `following` second), each place is checked by value (`search`), and the
`recorder` looks up the layout.
"""

from t2i_audit.activations.denoiser.layout import DenoiserLayout
from t2i_audit.activations.denoiser.reader import GRID, GRID_SIDE
from t2i_audit.activations.denoiser.recorder import DenoiserRecorder, default_steps

__all__ = ["GRID", "GRID_SIDE", "DenoiserLayout", "DenoiserRecorder", "default_steps"]
