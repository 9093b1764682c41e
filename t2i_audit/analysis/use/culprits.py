"""Who is to blame for the images in which one slot is wrong, by intervention first.

Of the run's images in which the slot is wrong, the weights of ``encoder`` are those of
`t2i_audit.analysis.attribution`, with the slot as the only thing that may be wrong: the probability
that it is lost at the text encoder (a relation: it or a noun that it stands between) in a prompt of
this value, believed as far as images bear it out. ``held`` is the rest of what was read. Then, the
first rule that fits:

- ``none``: no image is wrong, or the interval of the failure rate stays at or below 0.10;
- ``unclear``: the wrong images are of fewer than 6 compositions; or neither share surely leads the
  other, or nothing was read of most of them;
- ``encoder``: that share surely leads;
- ``denoiser ignores it``: what is held is ``not used`` (`t2i_audit.analysis.use.verdict`);
- ``VAE loses it``: surely more than half of the wrong images are of values that the VAE merges with
  another (`t2i_audit.results.vae`);
- ``unclear``: whether it is used is unclear or was not measured;
- ``denoiser fails to draw it``: of the prompts that hold it, the images that show it are surely
  fewer than 3/4; or fewer than 0.90, and failures surely repeat: their intraclass correlation over
  seeds lies above 0.2, or prompts that name a certain value surely fail more often than the others;
- ``chance``: those images are surely more than 3/4, and the correlation lies below 0.2;
- ``unclear``: else.

3/4 is half way from a guess between two values to certainty. A wrong image of a slot that is
ignored is a guess that failed, whether or not the next seed fails too, so this comes before chance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from t2i_audit.analysis.attribution import Attribution, attribute
from t2i_audit.analysis.attribution_shares import (
    attribution_shares,
    lead_over,
    share_of_wrong,
    shares_in,
)
from t2i_audit.analysis.culprit import FEW_FAILURES, FEWEST_FAILING
from t2i_audit.analysis.lost import OFTEN, DecodedSlot
from t2i_audit.analysis.success import image_rate
from t2i_audit.analysis.use.drawn import DrawnImages, FloatArray
from t2i_audit.printable import counted, listed
from t2i_audit.results.attribution import Culprit
from t2i_audit.results.interval import Interval, undefined
from t2i_audit.results.use import SlotCulprit, SlotUse, UseCulprit
from t2i_audit.stats.beta_binomial import icc_interval
from t2i_audit.stats.bootstrap import cluster_weights
from t2i_audit.stats.shares import clustered_share, difference

# An intraclass correlation below this is hardly any repetition.
HARDLY = 0.2
RESAMPLES = 1000
# What either rule may call the other's culprit.
ALIKE: dict[UseCulprit, frozenset[Culprit]] = {
    "encoder": frozenset({"encoder"}),
    "denoiser ignores it": frozenset({"denoiser", "not told from chance"}),
    "denoiser fails to draw it": frozenset({"denoiser", "not told from chance"}),
    "VAE loses it": frozenset(),
    "chance": frozenset({"chance", "not told from chance"}),
    "none": frozenset({"few failures"}),
    "unclear": frozenset(),
}


def culprit_of(
    slot: str,
    images: DrawnImages,
    encoder: Mapping[str, DecodedSlot],
    use: SlotUse | None,
    *,
    merged: Collection[str] = (),
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> SlotCulprit:
    """Name the culprit of `slot` by the rule above.

    Args:
        slot: one that is judged in the images.
        images: of the run; all of its unchanged images count.
        encoder: readings at the text encoder by slot; a slot that is missing was not read.
        use: of the slot, in what the denoiser is given; None where it was not measured.
        merged: values of the slot that the VAE merges with another.
        rng: source of the resamples.
        resamples: bootstrap resamples.
    """
    right = images.slot(slot)
    values = images.values(slot)
    asked = (values != "") & ~np.isnan(right).all(axis=1)
    rate = image_rate(1 - right[asked], images.clusters[asked])
    if not rate.n:
        return SlotCulprit(
            slot, "unclear", "unclear", None, "no image was judged", rate, undefined()
        )
    if rate.estimate == 0:
        return SlotCulprit(
            slot, "none", "few failures", True, "no image is wrong", rate, undefined()
        )
    attribution = _attribution(slot, right, images, encoder, asked)
    clusters = images.clusters[asked]
    by_correlation = attribution_shares(attribution, clusters, rng=rng, resamples=resamples)
    shares = _Shares(attribution, clusters, rng=rng, resamples=resamples)
    naming = named_values(slot, images, asked)
    by_vae = _of_values(right[asked], values[asked], clusters, merged)
    named, reason = _named(rate, shares, use, by_vae)
    if not reason:
        calls = attribution.evidence.encoder[slot]
        held = calls.read & (calls.lost < 0.5)
        own = [each for each, holds in zip(naming, held, strict=True) if holds]
        named, reason = _drawn(right[asked][held], own, clusters[held], use)
    return SlotCulprit(
        slot=slot,
        culprit=named,
        by_correlation=by_correlation.culprit,
        agrees=_agrees(named, by_correlation.culprit),
        reason=reason,
        failure_rate=rate,
        lost=shares.encoder,
        values={} if named == "none" else failing_values(right[asked], naming, clusters),
    )


def failing_values(
    right: FloatArray, named: Sequence[Collection[str]], clusters: np.ndarray
) -> dict[str, Interval]:
    """The values whose prompts surely fail more often than others, with their share of wrong
    images.

    The intervals of the comparison are at a level that holds for all values together (Bonferroni).

    Args:
        right: 1, 0, or NaN where that is not known, ``(n, seeds)``.
        named: the values that each prompt names, ``(n,)``.
        clusters: composition of each prompt, ``(n,)``.
    """
    names = sorted(set().union(*named))
    level = 1 - 0.05 / max(len(names), 1)
    found: dict[str, Interval] = {}
    for name in names:
        inside = np.array([name in own for own in named])
        rates = [
            image_rate(1 - right[rows], clusters[rows], level=level) for rows in (inside, ~inside)
        ]
        if difference(rates[0], rates[1]).lower > 0:
            found[name] = image_rate(1 - right[inside], clusters[inside])
    return found


def named_values(slot: str, images: DrawnImages, asked: np.ndarray) -> list[set[str]]:
    """The values that each prompt names in slots of the kind of `slot`: a colour is drawn wrong
    where the other object has a certain one, too."""
    prompts = [each for each, own in zip(images.prompts, asked, strict=True) if own]
    kinds = {part.kind for each in prompts for part in each.constituents if part.slot == slot}
    return [{part.value for part in each.constituents if part.kind in kinds} for each in prompts]


class _Shares:
    """The share of the wrong images that is the encoder's, the share that it holds, and which
    surely leads."""

    def __init__(
        self,
        attribution: Attribution,
        clusters: np.ndarray,
        *,
        rng: np.random.Generator,
        resamples: int,
    ) -> None:
        drawn, owner = cluster_weights(clusters, rng=rng, resamples=resamples)
        own = _three(shares_in(attribution, np.ones((1, len(clusters)))))
        many = _three(shares_in(attribution, drawn[:, owner]))
        self.failing = len(np.unique(clusters[attribution.failing]))
        wrong = int(attribution.wrong.sum())
        intervals = [
            share_of_wrong(float(one[0]), each, n=wrong, trials=self.failing)
            for one, each in zip(own, many, strict=True)
        ]
        self.encoder = intervals[0]
        order = sorted(range(3), key=lambda index: -intervals[index].estimate)
        first, second = order[:2]
        self.first = ("encoder", "held", "unclear")[first]
        self.lead = lead_over(
            intervals[first], intervals[second], many[first] - many[second], self.failing
        )


def _three(shares: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    return shares["encoder"], 1 - shares["encoder"] - shares["unclear"], shares["unclear"]


def _attribution(
    slot: str,
    right: FloatArray,
    images: DrawnImages,
    encoder: Mapping[str, DecodedSlot],
    asked: np.ndarray,
) -> Attribution:
    prompts = [each for each, own in zip(images.prompts, asked, strict=True) if own]
    heads = sorted({part.slot for each in prompts for part in each.heads(slot)} - {slot})
    needed = [slot, *heads]
    own = {
        name: DecodedSlot(read.probability[asked], read.error[asked], read.threshold)
        for name, read in encoder.items()
        if name in needed
    }
    return attribute(
        right[asked],
        {name: [each.constituent(name) is not None for each in prompts] for name in needed},
        own,
        slot_correct={slot: right[asked]},
        heads={slot: heads} if heads else None,
    )


def _of_values(
    right: FloatArray, values: np.ndarray, clusters: np.ndarray, merged: Collection[str]
) -> Interval:
    """The share of the wrong images whose prompts have one of the `merged` values."""
    prompt, _ = np.nonzero(right == 0)
    return clustered_share(np.isin(values[prompt], sorted(merged)), clusters[prompt])


def _named(
    rate: Interval, shares: _Shares, use: SlotUse | None, by_vae: Interval
) -> tuple[UseCulprit, str]:
    """The culprit up to what is held and used, for which the reason is empty."""
    if rate.upper <= FEW_FAILURES:
        return "none", f"it is wrong in {rate} of the images"
    if shares.failing < FEWEST_FAILING:
        return "unclear", (
            f"the images in which it is wrong are of {counted(shares.failing, 'composition')}, and "
            f"at least {FEWEST_FAILING} are needed"
        )
    if shares.first == "unclear":
        return "unclear", "the probe does not decide whether the text encoder holds it"
    if not shares.lead.lower > 0:
        return "unclear", (
            f"the text encoder has lost it in {shares.encoder} of the wrong images, which is "
            "neither surely most of them nor surely few"
        )
    if shares.first == "encoder":
        return "encoder", f"the text encoder has lost it in {shares.encoder} of the wrong images"
    if use is not None and use.verdict == "not used":
        return "denoiser ignores it", f"the text encoder holds it; {use.reason}"
    if by_vae.lower > 0.5:
        return "VAE loses it", f"{by_vae} of the wrong images are of values that the VAE merges"
    if use is None:
        return "unclear", "the text encoder holds it, and whether it is used was not measured"
    if use.verdict == "unclear":
        return "unclear", f"the text encoder holds it, but its use is unclear: {use.reason}"
    return "unclear", ""


def _drawn(
    right: FloatArray,
    named: Sequence[Collection[str]],
    clusters: np.ndarray,
    use: SlotUse | None,
) -> tuple[UseCulprit, str]:
    """Chance or the denoiser, of the prompts that hold a slot that is used and yet wrong."""
    shown = image_rate(right, clusters)
    repeats = icc_interval((right == 1).sum(axis=1), (~np.isnan(right)).sum(axis=1), clusters)
    # Where failures are perhaps few, that they repeat is no fault yet.
    many = 1 - shown.upper > FEW_FAILURES
    values = list(failing_values(right, named, clusters)) if many else []
    figures = (
        f"it is used ({'' if use is None else use.reason}), and drawn right in {shown} of the "
        f"images whose prompts hold it; failures repeat over seeds with ICC {repeats}"
        + (f", and more where {listed(values)} is named" if values else "")
    )
    if shown.upper < OFTEN or (many and (repeats.lower > HARDLY or values)):
        return "denoiser fails to draw it", figures
    if shown.lower > OFTEN and repeats.upper < HARDLY:
        return "chance", figures
    return "unclear", f"{figures}; more seeds would tell chance from the denoiser"


def _agrees(named: UseCulprit, by_correlation: Culprit) -> bool | None:
    if "unclear" in (named, by_correlation):
        return None
    return by_correlation in ALIKE[named]
