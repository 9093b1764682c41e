"""What is lost in the VAE, in a sentence."""

from __future__ import annotations

from t2i_audit.printable import counted, listed
from t2i_audit.results.told_apart import ToldApart
from t2i_audit.results.vae import VaeSummary


def vae_sentence(vae: VaeSummary) -> str:
    """Which values look alike behind the VAE, or that none do, with the figures that say so."""
    if not vae.pairs:
        return (
            f"{_name(vae)} was not tested: too few prompts name one of two values of a kind and "
            "not the other."
        )
    if not vae.lost:
        worst = vae.pairs[0]
        return (
            f"{_name(vae)} keeps all {counted(len(vae.pairs), 'pair')} of values apart that were "
            f"tested; the surest loss is of {_values(worst)}: {_figures(worst)}."
        )
    each = [f"{_values(pair)} ({_figures(pair)})" for pair in vae.lost]
    return f"{_name(vae)} makes {listed(each)} look alike."


def lost_in_vae(vae: VaeSummary) -> str:
    """The same for readers of a verdict; empty where nothing is lost."""
    if not vae.lost:
        return ""
    pairs = listed([_values(pair) for pair in vae.lost])
    return (
        f" The VAE makes {pairs} look alike whatever the denoiser draws, so images in which these "
        "are wrong may be its work."
    )


def _name(vae: VaeSummary) -> str:
    return f"The VAE ({vae.component})"


def _values(pair: ToldApart) -> str:
    first, second = pair.values
    return f"{pair.kind} {first} and {second}"


def _figures(pair: ToldApart) -> str:
    return (
        f"told apart in {pair.before} of prompts by the latents, in {pair.behind} by the image "
        f"encoded again, loss {pair.loss}"
    )
