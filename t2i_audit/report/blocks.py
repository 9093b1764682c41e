"""What is lost from one block of the denoiser to the next, in a sentence."""

from __future__ import annotations

from itertools import groupby

from t2i_audit.printable import counted, listed
from t2i_audit.results.blocks import BlocksSummary, LostInBlock

MOST_NAMED = 4  # blocks


def blocks_sentence(blocks: BlocksSummary) -> str:
    """Which blocks make which values alike, with the figures that say so, or that none does."""
    name = f"The denoiser ({blocks.component})"
    if not blocks.n_pairs:
        return (
            f"The blocks of the denoiser ({blocks.component}) were not compared: too few prompts "
            "name one of two values of a kind and not the other."
        )
    if not blocks.lost:
        return (
            f"{name} loses none of {counted(blocks.n_pairs, 'pair')} of values from one block to "
            f"the next, at {counted(blocks.n_blocks, 'block')} in {blocks.n_prompts} prompts."
        )
    grouped = [
        (block, list(losses)) for block, losses in groupby(blocks.lost, key=lambda each: each.block)
    ]
    said = [f"at {block} {listed([_loss(each) for each in losses])}" for block, losses in grouped]
    more = len(said) - MOST_NAMED
    shown = said[:MOST_NAMED] + ([f"at {counted(more, 'more block')} others"] if more > 0 else [])
    return f"{name} makes values alike that the block before tells apart: {'; '.join(shown)}."


def lost_in_blocks_sentence(blocks: BlocksSummary) -> str:
    """The same for readers of a verdict; empty where nothing is lost."""
    if not blocks.lost:
        return ""
    names = list(dict.fromkeys(each.block for each in blocks.lost))
    pairs = list(dict.fromkeys(_values(each) for each in blocks.lost))
    more = [f"{counted(len(names) - MOST_NAMED, 'more block')}"] if len(names) > MOST_NAMED else []
    where = listed([*names[:MOST_NAMED], *more])
    return f" On the way through the denoiser {listed(pairs)} become alike at {where}."


def _values(lost: LostInBlock) -> str:
    first, second = lost.pair.values
    return f"{lost.pair.kind} {first} and {second}"


def _loss(lost: LostInBlock) -> str:
    return (
        f"{_values(lost)} (step {lost.step}: told apart in {lost.pair.before} of prompts by "
        f"{lost.before}, in {lost.pair.behind} by {lost.block}, loss {lost.pair.loss})"
    )
