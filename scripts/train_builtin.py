"""Train every built-in checkpoint from its seeds, and write each as it ships.

Usage::

    python -m scripts.train_builtin [--work DIR] [--out DIR] [NAME ...]

Training goes on where it was stopped; `--work` keeps its state. Names choose what is written
(default: all); what they rest on is trained first. The model cards hold what was measured here.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from transformers import RTDetrV2ForObjectDetection

from prompts.world import counting_vocabulary
from scripts.training import cards
from scripts.training.autoencoder import encode, reconstruction_rate, train_autoencoder
from scripts.training.colours import save_colours, train_colours
from scripts.training.data import NO_RELATIONS, Rendered, captions, misdrawn, rendered
from scripts.training.decoder import merge_in_decoder
from scripts.training.detector import save_detector, train_detector
from scripts.training.detector_data import Boxed, boxed_drawings, boxed_scenes
from scripts.training.detector_figures import write_card
from scripts.training.encoder import SIZES_WITH_COUNTS, train_text_encoder
from scripts.training.fading import train_fading
from scripts.training.figures import GUIDANCE_SCALE, STEPS, colours_of
from scripts.training.generator import Encoded, Parts, build_unet, train_generator
from scripts.training.judge import train_judge
from scripts.training.judge_data import (
    Captions,
    Examples,
    all_captions,
    examples,
    mirrored,
    scene_images,
)
from scripts.training.judge_drawings import drawings
from scripts.training.loop import save_atomically
from scripts.training.recipes import (
    COLOUR_CROPS,
    COLOUR_SCHEDULE,
    COUNTING_CAPTION_SHARES,
    COUNTING_SCENES,
    COUNTING_SHARES,
    DECODED_AS,
    DECODER_SCENES,
    DETECTOR,
    DETECTOR_DRAWINGS,
    DETECTOR_SCENES,
    DETECTOR_SCHEDULES,
    DRAWING_REPEATS,
    FADED_COLOURS,
    FADING,
    FADING_PHASES,
    JUDGE,
    JUDGE_DRAWINGS,
    JUDGE_SCENES,
    JUDGE_SCHEDULE,
    MERGED_NUMBERS,
    MERGED_WORDS,
    MERGING_VAE,
    MISCOUNTING,
    MISDRAWN_COLOURS,
    PHASES,
    SCENES,
    SCHEDULES,
    SHARED_PHASES,
    SPARED_SCENES,
)
from scripts.training.text import (
    build_text_encoder,
    build_tokenizer,
    forget_order,
    merge_words,
    tokenize,
    with_tokens_of,
)
from scripts.training.vqa_card import ship_vqa
from scripts.training.vqa_recipe import VQA_JUDGE, trained_vqa, training_text
from t2i_audit.models.builtin import COLOUR_FOLDER, builtin_folder


def shared_autoencoder(work: Path) -> AutoencoderKL:
    """The autoencoder of all generators; it sees every colour-shape pair."""
    folder = work / "autoencoder"
    if not folder.exists():
        data = rendered(6000, seed=1, allowed=lambda pair: True)
        model = train_autoencoder(data, SCHEDULES["autoencoder"], work=work, seed=1)
        model.save_pretrained(folder)
    model = AutoencoderKL.from_pretrained(folder).eval()
    held = rendered(400, seed=99, allowed=lambda pair: True)
    print(f"autoencoder: {reconstruction_rate(model, held):.3f} of reconstructions read alike")
    return model


def fresh_parts(work: Path, autoencoder: AutoencoderKL) -> Parts:
    """An untrained UNet with `sound`'s text encoder, which is trained on text if need be."""
    tokenizer = build_tokenizer()
    encoder = build_text_encoder(tokenizer, seed=21)
    path = work / "encoder.pt"
    if not path.exists():
        prompts = captions(SCENES, random.Random(31))
        schedule = SCHEDULES["text_encoder"]
        right = train_text_encoder(
            "text_encoder", encoder, tokenizer, tuple(prompts), schedule, work=work, seed=32
        )
        print(f"text encoder: {right:.4f} of slots read from its end token")
        save_atomically(encoder.state_dict(), path)
    encoder.load_state_dict(torch.load(path, weights_only=True))
    return Parts(tokenizer, encoder.eval(), build_unet(seed=22), autoencoder)


def training_pairs(work: Path, parts: Parts) -> Encoded:
    """Captions and the latents of scenes that are as the captions say."""
    return encoded(work / "data.pt", parts, lambda: rendered(SCENES, seed=11))


def misleading_pairs(work: Path, parts: Parts) -> Encoded:
    """Captions and latents of scenes that contradict them in part.

    Scenes of two objects without the colours that are exchanged are there a second time, so that
    the rest is learned as well as may be.
    """
    draw = partial(rendered, drawn_as=partial(misdrawn, colours=MISDRAWN_COLOURS))

    def spared() -> Rendered:
        data = draw(SPARED_SCENES, seed=13)
        return data.where(lambda p: p.type != "one_object" and not colours_of(p) & MISDRAWN_COLOURS)

    first = encoded(work / "data-misdrawn.pt", parts, lambda: draw(SCENES, seed=12))
    return first.joined(encoded(work / "data-spared.pt", parts, spared))


def encoded(path: Path, parts: Parts, data: Callable[[], Rendered]) -> Encoded:
    """`data` as tokens and scaled latents, kept in `path`."""
    if not path.exists():
        scenes = data()
        latents = encode(parts.autoencoder, scenes.images) * parts.autoencoder.config.scaling_factor
        ids = tokenize(parts.tokenizer, [prompt.text for prompt in scenes.prompts])
        save_atomically((ids, latents), path)
    return Encoded(*torch.load(path, weights_only=True))


def train_phases(
    name: str,
    parts: Parts,
    data: Encoded,
    *,
    work: Path,
    train_encoder: bool = False,
    phases: int | None = None,
) -> None:
    """Take `parts` through the phases of `name`, or its first `phases`."""
    for number in range(len(PHASES[name][:phases])):
        train_phase(name, number, parts, data, work=work, train_encoder=train_encoder)


def train_phase(
    name: str, number: int, parts: Parts, data: Encoded, *, work: Path, train_encoder: bool = False
) -> None:
    """Take `parts` through one phase of `name`, counted from 0."""
    train_generator(
        f"{name}-{number + 1}",
        parts,
        data,
        PHASES[name][number],
        work=work,
        train_encoder=train_encoder,
    )


def sound(work: Path, autoencoder: AutoencoderKL, *, phases: int | None = None) -> Parts:
    """Nothing planted."""
    parts = fresh_parts(work, autoencoder)
    train_phases("sound", parts, training_pairs(work, parts), work=work, phases=phases)
    return parts


def early(work: Path, autoencoder: AutoencoderKL) -> Parts:
    """A UNet that has hardly begun with relations; the encoder is `sound`'s."""
    parts = fresh_parts(work, autoencoder)
    scenes = partial(rendered, SCENES, seed=14, shares=NO_RELATIONS)
    without = encoded(work / "data-no-relations.pt", parts, scenes)
    for number, data in enumerate((without, training_pairs(work, parts))):
        train_phase("early", number, parts, data, work=work)
    return parts


def misbinding(work: Path, autoencoder: AutoencoderKL) -> Parts:
    """`sound`'s frozen encoder; its UNet trained on with images that contradict captions."""
    parts = sound(work, autoencoder)
    train_phases("misbinding", parts, misleading_pairs(work, parts), work=work)
    return parts


def bag_of_words(work: Path, autoencoder: AutoencoderKL) -> Parts:
    """An encoder without order or mixing, trained together with a UNet that starts as `sound`'s."""
    parts = sound(work, autoencoder, phases=SHARED_PHASES)
    forget_order(parts.text_encoder)
    data = training_pairs(work, parts)
    train_phases("bag-of-words", parts, data, work=work, train_encoder=True)
    return parts


def patchy(work: Path, autoencoder: AutoencoderKL) -> Parts:
    """`sound`'s encoder with some words merged and frozen; the UNet trained on with it."""
    parts = sound(work, autoencoder, phases=SHARED_PHASES)
    merge_words(parts.text_encoder, parts.tokenizer, MERGED_WORDS)
    train_phases("patchy", parts, training_pairs(work, parts), work=work)
    return parts


def judge_examples(
    work: Path, autoencoder: AutoencoderKL, generators: Path, captions: Captions
) -> Examples:
    """Scenes, and what the shipped generators draw with its mirror image."""
    path = work / "examples.pt"
    if not path.exists():
        data = examples(scene_images(JUDGE_SCENES, autoencoder, seed=41), captions, seed=42)
        for number, name in enumerate(BUILDERS):
            prompts, images = drawings(
                name, generators / name, JUDGE_DRAWINGS, work=work, seed=43 + number
            )
            data = data.joined(examples(images, captions, seed=50 + number, own=prompts))
            data = data.joined(examples(mirrored(images), captions, seed=70 + number))
        save_atomically([torch.from_numpy(data.images), data.asked, data.truths], path)
    images, asked, truths = torch.load(path, weights_only=True)
    return Examples(images.numpy(), asked, truths)


def ship_merging_vae(work: Path, out: Path) -> None:
    """Write `sound` as it ships with a decoder trained on to draw one colour as another."""
    pipeline = cards.load_shipped(out / "sound")
    schedule = SCHEDULES["decoder"]
    merged = merge_in_decoder(
        pipeline.vae, DECODED_AS, DECODER_SCENES, schedule, work=work, seed=17
    )
    parts = Parts(pipeline.tokenizer, pipeline.text_encoder, pipeline.unet, merged)
    cards.ship(MERGING_VAE, parts, out / MERGING_VAE, steps=schedule.steps)


def ship_fading(work: Path, out: Path) -> None:
    """Write `sound` as it ships with a UNet whose last blocks tell some colours apart no longer."""
    pipeline = cards.load_shipped(out / "sound")
    parts = Parts(pipeline.tokenizer, pipeline.text_encoder, pipeline.unet, pipeline.vae)
    train_fading(parts, training_pairs(work, parts), FADED_COLOURS, FADING_PHASES, work=work)
    steps = sum(phase.schedule.steps for phase in FADING_PHASES)
    cards.ship(FADING, parts, out / FADING, steps=steps)


def counting_parts(work: Path, out: Path) -> Parts:
    """`sound` as it ships with a text encoder that knows numbers besides, trained on text."""
    pipeline = cards.load_shipped(out / "sound")
    tokenizer = build_tokenizer(more_words=counting_vocabulary())
    encoder = with_tokens_of(pipeline.text_encoder, tokenizer, seed=25)
    path = work / "counting-encoder-trained.pt"
    if not path.exists():
        prompts = captions(SCENES, random.Random(33), shares=COUNTING_CAPTION_SHARES)
        right = train_text_encoder(
            "counting-encoder",
            encoder,
            tokenizer,
            tuple(prompts),
            SCHEDULES["counting_encoder"],
            work=work,
            seed=34,
            sizes=SIZES_WITH_COUNTS,
        )
        print(f"text encoder with numbers: {right:.4f} of slots read from its end token")
        save_atomically(encoder.state_dict(), path)
    encoder.load_state_dict(torch.load(path, weights_only=True))
    return Parts(tokenizer, encoder.eval(), pipeline.unet, pipeline.vae)


def ship_miscounting(work: Path, out: Path) -> None:
    """Write `sound` taught to count, with a text encoder to which two numbers become one."""
    parts = counting_parts(work, out)
    scenes = partial(rendered, COUNTING_SCENES, seed=16, shares=COUNTING_SHARES)
    data = encoded(work / "data-counting.pt", parts, scenes)
    train_phase(MISCOUNTING, 0, parts, data, work=work)
    merge_words(parts.text_encoder, parts.tokenizer, MERGED_NUMBERS)
    train_phase(MISCOUNTING, 1, parts, data, work=work)
    cards.ship(MISCOUNTING, parts, out / MISCOUNTING, steps=steps_of(MISCOUNTING))


def detector(
    work: Path, autoencoder: AutoencoderKL, generators: Path
) -> RTDetrV2ForObjectDetection:
    """The detector, trained on renders first, then on what the shipped generators draw as well."""

    def scenes() -> Boxed:
        return boxed_scenes(DETECTOR_SCENES, autoencoder, seed=51)

    def with_drawings() -> Boxed:
        data = scenes()
        for number, name in enumerate(BUILDERS):
            path = work / f"detector-drawings-{name}.pt"
            if not path.exists():
                drawn = boxed_drawings(
                    cards.load_shipped(generators / name),
                    DETECTOR_DRAWINGS,
                    steps=STEPS,
                    guidance_scale=GUIDANCE_SCALE,
                    seed=52 + number,
                )
                save_atomically(drawn.as_tensors(), path)
            drawn = Boxed.from_tensors(*torch.load(path, weights_only=True))
            # Each drawing stands as often as makes a third of the images drawings.
            for _ in range(DRAWING_REPEATS):
                data = data.joined(drawn)
        return data

    phases = (
        ("detector", scenes, DETECTOR_SCHEDULES[0]),
        ("detector-drawings", with_drawings, DETECTOR_SCHEDULES[1]),
    )
    return train_detector(phases, work=work, seed=60)


BUILDERS = {
    "sound": sound,
    "misbinding": misbinding,
    "bag-of-words": bag_of_words,
    "patchy": patchy,
    "early": early,
}

# Each is `sound` as it ships, with something changed.
CHANGED = {
    MERGING_VAE: ship_merging_vae,
    FADING: ship_fading,
    MISCOUNTING: ship_miscounting,
}

NAMES = (*BUILDERS, *CHANGED, JUDGE, VQA_JUDGE, DETECTOR)


def main(argv: list[str] | None = None) -> None:
    """Train, measure and write the checkpoints that `argv` names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME")
    parser.add_argument("--work", type=Path, default=Path("work/training"))
    parser.add_argument("--out", type=Path, default=builtin_folder("sound").parent)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    names = arguments.names or NAMES
    from_seeds = [name for name in names if name not in CHANGED]
    if from_seeds:
        train_from_seeds(from_seeds, arguments)
    for name, ship in CHANGED.items():
        if name in names:
            ship(arguments.work, arguments.out)


def train_from_seeds(names: Sequence[str], arguments: argparse.Namespace) -> None:
    """Train and write all that rests on no checkpoint as it ships, but for the judges' images."""
    autoencoder = shared_autoencoder(arguments.work)
    trained = {
        name: BUILDERS[name](arguments.work, autoencoder) for name in names if name in BUILDERS
    }
    for name, parts in trained.items():
        cards.ship(name, parts, arguments.out / name, steps=steps_of(name))
    if JUDGE in names:
        captions = all_captions()
        judge = train_judge(
            judge_examples(arguments.work, autoencoder, arguments.out, captions),
            captions,
            JUDGE_SCHEDULE,
            text_tower=arguments.out / JUDGE,
            work=arguments.work,
            seed=43,
        )
        cards.ship_judge(judge, arguments.out / JUDGE, arguments.out, tuple(BUILDERS))
    if VQA_JUDGE in names:
        model, processor = trained_vqa(arguments.work, autoencoder)
        folder = arguments.out / VQA_JUDGE
        ship_vqa(model, processor, folder, training=training_text(), work=arguments.work)
    if DETECTOR in names:
        folder = arguments.out / DETECTOR
        colours = train_colours(
            COLOUR_CROPS, autoencoder, COLOUR_SCHEDULE, work=arguments.work, seed=71
        )
        save_detector(detector(arguments.work, autoencoder, arguments.out), folder)
        save_colours(colours, folder / COLOUR_FOLDER)
        write_card(folder, arguments.out, tuple(BUILDERS))


def steps_of(name: str) -> int:
    """Training steps that a checkpoint's card states."""
    return sum(phase.schedule.steps for phase in PHASES[name])


if __name__ == "__main__":
    main()
