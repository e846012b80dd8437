"""Reliance: does the policy rely on what the picture shows?

With M_ρ the share 1 − ρ of what was seen that a map calls most important (`attributions.masks`),

    keeps_action   mean over states of 1[a(s) = a(s ⊙ M_ρ)], or exp(−‖Δa‖ in half ranges)
    value_change   mean of |V(s) − V(s ⊙ M_ρ)| / std V
    return         of the policy acting on s ⊙ M_ρ at every step, on the same episodes
    mask_overlap   |M_ρ(s) ∩ M_ρ(τ(s))| / |M_ρ(s) ∪ M_ρ(τ(s))| for changes τ that should not matter

each against a random mask of the same area, and against leaving all but M_ρ. The quantities are
those of SGQN's losses; asking them of a trained policy is ours.

Reference: Bertoin et al. 2022, https://arxiv.org/abs/2209.09203
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.subject import Subject
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.decision import decision
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.keeping import kept
from policyscope.attributions.masking import Masking
from policyscope.attributions.masks import MASKS, frame_size, left, salient
from policyscope.attributions.method import Method, Reference
from policyscope.attributions.nuisance import shifted
from policyscope.attributions.probe import told
from policyscope.attributions.randomisation import resemblance
from policyscope.attributions.slopes import values
from policyscope.reports.results import Reliance
from policyscope.rollouts.seeds import generator
from policyscope.statistics import Estimate


@dataclass(frozen=True)
class Looks:
    """How much is hidden, and where."""

    rho: float
    """Decides what counts as salient, where only one mask is asked about."""
    rhos: tuple[float, ...]
    played: tuple[float, ...]
    episodes: int
    confidence: float


def reliance(  # noqa: PLR0913  whom, where, explained how, hidden how
    subject: Subject,
    glimpses: Glimpses,
    methods: tuple[str, str],
    reference: Reference,
    importance: Float[Tensor, " state *seen"],
    looks: Looks,
    averaging: Averaging,
) -> Reliance:
    """Hide a part of what is seen, and see what the policy does.

    Args:
        subject: Plays, where there is an environment.
        glimpses: The states.
        methods: The one that explained them, and one that is quick enough for every step.
        reference: What stands in the place of what is hidden.
        importance: Of each number that was seen, by the first method.
        looks: How much is hidden.
        averaging: Makes estimates.
    """
    shown = _shown(glimpses, importance, reference, subject.seed, looks.rhos)
    clean, returns = _returns(subject, METHODS[methods[1]], reference, looks)
    shifts, overlaps, correlations = _stability(
        subject, glimpses, METHODS[methods[0]], reference, importance, looks.rho
    )
    means = partial(averaging.means, glimpses.steps)
    blocks = subject.visited.block_of_step[glimpses.steps]
    gains = told(glimpses, salient(importance, looks.rho), blocks)
    return Reliance(
        masks=MASKS,
        size=frame_size(importance),
        rho=looks.rho,
        rhos=looks.rhos,
        keeps_action=_by_mask(means(_keeping(glimpses, shown)), len(looks.rhos)),
        value_changes=_by_mask(means(_value_changes(glimpses, shown)), len(looks.rhos)),
        played=looks.played if len(clean) else (),
        quick=methods[1],
        clean=clean,
        returns=returns,
        shifts=shifts,
        overlaps=means(overlaps),
        rank_correlations=means(correlations),
        predictability=None if gains is None else means(gains[:, None])[0],
        confidence=looks.confidence,
    )


Shown = list[list[Tensor]]
"""What is seen of every state, per mask and ρ."""


def _shown(
    glimpses: Glimpses,
    importance: Float[Tensor, " state *seen"],
    reference: Reference,
    seed: int,
    rhos: tuple[float, ...],
) -> Shown:
    shape = glimpses.seen.shape[1:]
    chance = torch.stack(
        [
            torch.from_numpy(generator(seed, "random mask", s).random(shape))
            for s in glimpses.steps.tolist()
        ]
    )
    return [
        [
            torch.where(left(mask, importance, chance, rho), glimpses.seen, reference.baseline)
            for rho in rhos
        ]
        for mask in MASKS
    ]


def _keeping(glimpses: Glimpses, shown: Shown) -> Float[np.ndarray, " state masked"]:
    keeping, every = kept(glimpses), torch.arange(len(glimpses))
    return np.stack([keeping(every, seen).numpy() for row in shown for seen in row], 1)


def _value_changes(glimpses: Glimpses, shown: Shown) -> Float[np.ndarray, " state masked"]:
    valuing = glimpses.valuing()
    if valuing is None:
        return np.empty((len(glimpses), 0))
    every = torch.arange(len(glimpses))
    clean = values(valuing, every, glimpses.seen)[:, 0].double()
    hidden = [values(valuing, every, seen)[:, 0] for row in shown for seen in row]
    changes = (torch.stack(hidden, 1) - clean[:, None]).abs()
    return (changes / clean.std().clamp_min(torch.finfo(clean.dtype).tiny)).numpy()


def _by_mask(estimates: tuple[Estimate, ...], rhos: int) -> tuple[tuple[Estimate, ...], ...]:
    return tuple(estimates[i : i + rhos] for i in range(0, len(estimates), rhos))


def _returns(
    subject: Subject, method: Method, reference: Reference, looks: Looks
) -> tuple[Float[np.ndarray, " episode"], Float[np.ndarray, " mask rho episode"]]:
    """Of the same episodes, with nothing masked and with every mask."""
    if subject.environment is None or not looks.played:
        return np.empty(0), np.empty((len(MASKS), 0, 0))
    episodes = min(looks.episodes, len(subject.rollouts.lengths))
    newest = reference.newest if subject.policy.memory_shapes else reference
    returns = [
        [
            subject.play(
                Masking(subject.policy, method, newest, mask, rho),
                episodes=episodes,
                what=f"{mask} part",
            ).returns
            for rho in looks.played
        ]
        for mask in MASKS
    ]
    return subject.rollouts.returns[:episodes], np.array(returns)


def _stability(  # noqa: PLR0913  as `reliance`, less the means
    subject: Subject,
    glimpses: Glimpses,
    method: Method,
    reference: Reference,
    importance: Float[Tensor, " state *seen"],
    rho: float,
) -> tuple[tuple[str, ...], Float[np.ndarray, " state shift"], Float[np.ndarray, " state shift"]]:
    """Overlap of masks, and rank correlation of maps, under every shift."""
    names, overlaps, correlations = [], [], []
    scores = values(glimpses, torch.arange(len(glimpses)), glimpses.seen)
    targets, _ = decision(glimpses.policy, scores)  # of the decision that was made, all along
    before = salient(importance, rho).flatten(1)
    for name, moved in shifted(glimpses, subject.visited, subject.seed):
        after = method.attribute(moved, targets, reference).abs().sum(1)
        part = salient(after, rho).flatten(1)
        both, either = (before & part).sum(1), (before | part).sum(1)
        names.append(name)
        overlaps.append((both / either).double().numpy())
        correlations.append(resemblance(importance, after))
    empty = np.empty((len(glimpses), 0))
    if not names:
        return (), empty, empty
    return tuple(names), np.stack(overlaps, 1), np.stack(correlations, 1)
