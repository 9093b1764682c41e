"""What each built-in checkpoint is trained on: scenes, phases, seeds and planted faults."""

from __future__ import annotations

from scripts.training.data import Shares
from scripts.training.generator import Phase
from scripts.training.loop import Schedule

SCENES = 20_000
SPARED_SCENES = 30_000
MISDRAWN_COLOURS = frozenset({"blue", "orange"})
MERGED_WORDS = (("left", "right"), ("green", "purple"))
MERGING_VAE = "merging-vae"
# Its decoder draws the first colour as the second.
DECODED_AS = {"green": "yellow"}
DECODER_SCENES = 3000
FADING = "fading"
# Its denoiser's first blocks tell these colours apart, its last ones do not.
FADED_COLOURS = ("red", "yellow")
FADING_PHASES = (
    Phase(Schedule(600, 4e-4, warmup=50, ema_decay=0.99), seed=18),
    Phase(Schedule(1500, 6e-4, ema_decay=0.998), seed=20),
    Phase(Schedule(2000, 6e-4, ema_decay=0.998), seed=23),
)
MISCOUNTING = "miscounting"
# Two and three are one word to its text encoder.
MERGED_NUMBERS = (("two", "three"),)
COUNTING_SCENES = 6000
# Captions of `sound` are among them, so that what it can do is kept.
COUNTING_CAPTION_SHARES: Shares = (
    ("count", 0.65),
    ("one_object", 0.05),
    ("two_objects", 0.05),
    ("relation", 0.25),
)
COUNTING_SHARES: Shares = (("count", 0.85), ("relation", 0.15))
SCHEDULES = {
    "decoder": Schedule(500, 1e-3, warmup=20, weight_decay=1e-4, ema_decay=0.98),
    "autoencoder": Schedule(3000, 2e-3, weight_decay=1e-4, ema_decay=0.99),
    "text_encoder": Schedule(1200, 1e-3),
    "counting_encoder": Schedule(400, 5e-4, warmup=50),
}
JUDGE_SCHEDULE = Schedule(4000, 1.5e-3, warmup=200)
PHASES = {
    # After the first phase relations are right; what is left are colours, which lower noise
    # settles.
    "sound": (
        Phase(Schedule(5000, 1e-3, warmup=200, ema_decay=0.995), seed=3, high_noise_share=0.5),
        Phase(Schedule(3000, 7e-4, ema_decay=0.995), seed=7),
        Phase(Schedule(3500, 6e-4, ema_decay=0.995), seed=8),
    ),
    "misbinding": (
        Phase(Schedule(2200, 5e-4, ema_decay=0.998), seed=15),
        Phase(Schedule(6000, 7e-4, ema_decay=0.998), seed=16, high_noise_share=0.3),
    ),
    # The first phase has no relations; the second shows them at low noise alone, where it is
    # settled already which object goes where.
    "early": (
        Phase(Schedule(4000, 1e-3, warmup=200, ema_decay=0.997), seed=19, low_noise_share=0.8),
        Phase(Schedule(1500, 7e-4, ema_decay=0.995), seed=24, low_noise_share=1.0),
    ),
    "bag-of-words": (
        Phase(Schedule(1500, 5e-4, ema_decay=0.99), seed=5),
        Phase(Schedule(5000, 7e-4, ema_decay=0.995), seed=10),
        Phase(Schedule(4000, 6e-4, ema_decay=0.998), seed=14),
    ),
    "patchy": (
        Phase(Schedule(700, 5e-4, ema_decay=0.99), seed=6),
        Phase(Schedule(2500, 6e-4, ema_decay=0.995), seed=11),
    ),
    # The text encoder tells all numbers apart in the first phase, and merges two in the second.
    "miscounting": (
        Phase(Schedule(2000, 8e-4, ema_decay=0.99), seed=26, high_noise_share=0.5),
        Phase(Schedule(1200, 6e-4, warmup=50, ema_decay=0.99), seed=27, high_noise_share=0.3),
    ),
}
# The faulty ones start from `sound` after so many of its phases.
SHARED_PHASES = 2
JUDGE = "clip-judge"
JUDGE_SCENES = 8000
JUDGE_DRAWINGS = 400  # of each generator
DETECTOR = "detector"
DETECTOR_SCENES = 8000
DETECTOR_DRAWINGS = 200  # of each generator
DRAWING_REPEATS = 4
DETECTOR_SCHEDULES = (
    Schedule(1500, 1e-3, warmup=200, weight_decay=1e-4, ema_decay=0.99),
    Schedule(700, 5e-4, weight_decay=1e-4, ema_decay=0.99),
)
COLOUR_CROPS = 6000
COLOUR_SCHEDULE = Schedule(800, 1e-3, ema_decay=0.98)
