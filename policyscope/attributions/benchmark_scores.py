"""XRL-Bench's scores: what becomes of a decision without its most, or least, important features?

With φ the attributions of the chosen action, T the k features of the largest φ and B those of the
smallest, and S the raw score of the chosen action,

    AIM   1[a(s) = a(s with T set to 0)]                              smaller is better
    AUM   1[a(s) = a(s with B set to 0)]                              larger is better
    PGI   |S(s) − S(s with noise on T)|                               larger is better
    PGU   |S(s) − S(s with noise on B)|                               smaller is better
    RIS   ‖(φ(s) − φ(s')) / max(φ(s), ¹⁄₁₀₀₀)‖₂ / ‖(s − s') / max(s, ¹⁄₁₀₀₀)‖₂,
          with s' noise on all features, φ of the same action;        smaller is better

The noise is normal, with half a standard deviation of the feature over the data set: here half a
usual change. They report means over states, and of RIS the maximum. φ is signed, and so is what max
is taken of: a negative attribution counts as ¹⁄₁₀₀₀. Both are the benchmark's, and kept.

k is 3. Of images φ is summed over frames, k is 50, and noise is not added but the pixels are set to
0 in every frame, for PGI and PGU too; RIS would need noise. k leaves at least one number out.

Beyond the benchmark: of several groups of actions φ is summed; of continuous actions, which have no
chosen score, φ are the magnitudes, S the actions in half ranges and K of `attributions.keeping`
replaces 1[…]. The gap is ‖S(s) − S(s')‖₂ where S has several parts. Attributions that are NaN count
as 0, and of equal ones the first comes first.

Reference: Xiong et al. 2024, https://arxiv.org/abs/2402.12685; k, noise and clipping as in
https://github.com/fuxiAIlab/xrl-bench, `custom_metrics`
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope.attributions.curves import ranks
from policyscope.attributions.decision import decision
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.keeping import kept
from policyscope.attributions.method import Maps, Method, Reference, Targets
from policyscope.attributions.parts import frame_shape
from policyscope.attributions.slopes import values
from policyscope.policies.flips import is_discrete
from policyscope.policies.gradients import action_units
from policyscope.rollouts.seeds import generator

FEATURES, PIXELS = 3, 50
"""k, of vectors and of images."""
DEVIATIONS = 0.5
"""Of the noise."""
LEAST = 0.001
"""What is below it counts as it in the denominators of RIS."""

Score = Float[np.ndarray, " state"]


def benchmark_scores(
    glimpses: Glimpses,
    method: Method,
    targets: Targets,
    maps: Maps,
    reference: Reference,
    seed: int,
) -> dict[str, Score]:
    """AIM, AUM, PGI, PGU, and, unless it sees images, RIS, of each state.

    Args:
        glimpses: The states.
        method: Whose attributions are scored; asked once more, for RIS.
        targets: What it explained.
        maps: Its attributions.
        reference: What it was given, and usual changes.
        seed: Of the noise, which each state draws by its own step.
    """
    attributions = signed(glimpses, maps)
    if frame_shape(glimpses) is not None:
        return fidelity(glimpses, attributions, torch.zeros_like(glimpses.seen))
    disturbed = noisy(glimpses, reference, seed)
    scores = fidelity(glimpses, attributions, disturbed)
    moved = method.attribute(replace(glimpses, seen=disturbed), targets, reference)
    scores["RIS"] = instability((attributions, signed(glimpses, moved)), (glimpses.seen, disturbed))
    return scores


def fidelity(
    glimpses: Glimpses,
    attributions: Float[Tensor, " state *seen"],
    disturbed: Float[Tensor, " state *seen"],
) -> dict[str, Score]:
    """AIM, AUM, PGI and PGU of signed attributions, with what disturbed features look like."""
    seen, every = glimpses.seen, torch.arange(len(glimpses))
    frame = frame_shape(glimpses)
    top, bottom = largest(attributions, frame), largest(-attributions, frame)
    keeping, gap = kept(glimpses), _gap(glimpses)
    return {
        "AIM": keeping(every, seen.masked_fill(top, 0)).double().numpy(),
        "AUM": keeping(every, seen.masked_fill(bottom, 0)).double().numpy(),
        "PGI": gap(torch.where(top, disturbed, seen)),
        "PGU": gap(torch.where(bottom, disturbed, seen)),
    }


def signed(glimpses: Glimpses, maps: Maps) -> Float[Tensor, " state *seen"]:
    """Attributions of all that was chosen; magnitudes where it is continuous."""
    return maps.sum(1) if is_discrete(glimpses.policy) else maps.abs().sum(1)


def largest(
    attributions: Float[Tensor, " state *seen"], frame: tuple[int, ...] | None
) -> Bool[Tensor, " state *seen"]:
    """The k features, or pixels of every frame, of the largest attributions."""
    summed, count = attributions.nan_to_num(nan=0.0), FEATURES
    if frame is not None:
        before = attributions.ndim - len(frame)
        frames = [before + axis for axis, size in enumerate(frame) if size == 1]
        others = [*range(1, before), *frames]
        summed, count = summed.sum(others, keepdim=True) if others else summed, PIXELS
    count = min(count, max(summed[:1].numel() - 1, 1))
    return (ranks(summed) < count).expand_as(attributions)


def noisy(glimpses: Glimpses, reference: Reference, seed: int) -> Float[Tensor, " state *seen"]:
    """What was seen, with noise on everything."""
    shape = glimpses.seen.shape[1:]
    noise = [generator(seed, "XRL-Bench", int(s)).standard_normal(shape) for s in glimpses.steps]
    drawn = torch.from_numpy(np.array(noise)).reshape(glimpses.seen.shape)
    return (glimpses.seen + DEVIATIONS * reference.unit * drawn).float()


def instability(
    attributions: tuple[Float[Tensor, " state *seen"], Float[Tensor, " state *seen"]],
    seen: tuple[Float[Tensor, " state *seen"], Float[Tensor, " state *seen"]],
) -> Score:
    """RIS of each state, from both before and after; 0 where nothing that is seen changes."""
    above, below = (_relative(*pair) for pair in (attributions, seen))
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _relative(before: Tensor, after: Tensor) -> Score:
    before, after = (x.flatten(1).double().nan_to_num(nan=0.0) for x in (before, after))
    return ((before - after) / before.clamp_min(LEAST)).norm(dim=1).numpy()


def _gap(glimpses: Glimpses):
    """A function that says how far the chosen scores are when something else is seen."""
    every, policy = torch.arange(len(glimpses)), glimpses.policy
    clean = values(glimpses, every, glimpses.seen)
    _, chosen = decision(policy, clean)
    units = torch.ones(()) if is_discrete(policy) else action_units(policy)

    def gap(seen: Float[Tensor, " state *seen"]) -> Score:
        change = (values(glimpses, every, seen) - clean).double().gather(1, chosen)
        return (change / units).norm(dim=1).numpy()

    return gap
