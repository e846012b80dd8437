"""Infidelity and sensitivity: does a map say what hiding does, and stay when little changes?

Infidelity, with I = (s − b) ⊙ z a random part z of what was seen taken back to the baseline b, so
that a map c of contributions predicts a fall of the score T by Σ_j z_j c_j,

    infidelity(s)  = E_z (β Σ_j z_j c_j − (T(s) − T(s − I)))²,      β the best factor in each state

Maps of any method are read as contributions, as people read them; β = E[(zᵀc) ΔT] / E[(zᵀc)²] lets
those be compared that have other units, and is at least 0, for a map whose signs are all wrong says
nothing true. Half of the numbers are hidden at random; of images, a random rectangle in all frames.

    sensitivity(s) = max_δ ‖m(s + δ) − m(s)‖₂ / ‖m(s)‖₂,      |δ_j| ≤ usual change of j / 50

the largest of several uniform draws, with what is explained held fixed. Smaller is better in both;
but maps that ignore the policy may be insensitive.

Both are means over what the decision consists of. They are captum's `metrics.infidelity` (with
`normalize`, which lets β be negative) and `metrics.sensitivity_max`, computed for all parts of a
decision at once, with draws by each state's own step.

Reference: Yeh et al. 2019, https://arxiv.org/abs/1901.09392
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.method import Maps, Method, Reference, Targets
from policyscope.attributions.parts import frame_shape
from policyscope.attributions.slopes import values
from policyscope.rollouts.seeds import generator

HIDDEN = 32
"""Random parts of each state."""
NEIGHBOURS = 4
"""Draws near each state."""
RADIUS = 0.02
"""How near, in usual changes."""


def infidelity(
    glimpses: Glimpses, targets: Targets, maps: Maps, reference: Reference, seed: int
) -> Float[np.ndarray, " state"]:
    """How badly maps predict by how much targets fall; smaller is better.

    Args:
        glimpses: The states.
        targets: What is explained.
        maps: Of these.
        reference: Whose baseline stands in the place of what is hidden.
        seed: Of the random parts, which each state draws by its own step.
    """
    every, baseline = torch.arange(len(glimpses)), reference.baseline.float()
    clean = values(glimpses, every, glimpses.seen)
    contributions = maps.flatten(2).double().nan_to_num(nan=0.0)
    above, below, falls = (torch.zeros(targets.shape[:2], dtype=torch.float64) for _ in range(3))
    for part in hidden(glimpses, seed).unbind(1):
        scores = values(glimpses, every, torch.where(part, baseline, glimpses.seen))
        fall = torch.einsum("nts,ns->nt", targets.double(), (clean - scores).double())
        predicted = torch.einsum("ntj,nj->nt", contributions, part.flatten(1).double())
        above += predicted * fall
        below += predicted.square()
        falls += fall.square()
    explained = torch.where(below > 0, above.clamp_min(0).square() / below, 0)
    return ((falls - explained).clamp_min(0) / HIDDEN).mean(1).numpy()


def hidden(glimpses: Glimpses, seed: int) -> Bool[Tensor, " state part *seen"]:
    """Random parts of what was seen in each state."""
    shape, frame = tuple(glimpses.seen.shape[1:]), frame_shape(glimpses)
    generators = [generator(seed, "infidelity", int(step)) for step in glimpses.steps]
    if frame is None:
        parts = [rng.random((HIDDEN, *shape)) < 0.5 for rng in generators]
    else:
        whole = (HIDDEN, *(1 for _ in shape[len(frame) :]), *frame)
        parts = [_rectangles(frame, rng).reshape(whole) for rng in generators]
    return torch.from_numpy(np.array(parts)).expand(-1, -1, *shape)


def sensitivity(
    glimpses: Glimpses,
    method: Method,
    targets: Targets,
    maps: Maps,
    reference: Reference,
    seed: int,
) -> Float[np.ndarray, " state"]:
    """How far maps go when what is seen hardly changes, relative to them; smaller is better.

    Args:
        glimpses: The states.
        method: That explains them.
        targets: What is explained.
        maps: The method's answer.
        reference: What it was given, and usual changes.
        seed: Of the draws, which each state makes by its own step.
    """
    size = (NEIGHBOURS, *glimpses.seen.shape[1:])
    draws = [
        generator(seed, "sensitivity", int(s)).uniform(-RADIUS, RADIUS, size)
        for s in glimpses.steps
    ]
    steps = torch.from_numpy(np.array(draws)).reshape(-1, *size) * reference.unit
    norms = _norms(maps)
    found = torch.zeros_like(norms)
    for step in steps.unbind(1):
        moved = replace(glimpses, seen=(glimpses.seen + step).float())
        change = _norms(method.attribute(moved, targets, reference) - maps)
        found = found.maximum(change / torch.where(norms > 0, norms, 1))
    return found.mean(1).numpy()


def _norms(maps: Maps) -> Float[Tensor, " state target"]:
    return maps.flatten(2).double().nan_to_num(nan=0.0).norm(dim=2)


def _rectangles(
    frame: tuple[int, ...], rng: np.random.Generator
) -> Bool[np.ndarray, " part pixel"]:
    """From one pixel to another in height and width, row by row."""
    inside = []
    for side in (size for size in frame if size > 1):
        first, last = np.sort(rng.integers(0, side, (2, HIDDEN, 1)), axis=0)
        inside.append((first <= np.arange(side)) & (np.arange(side) <= last))
    rows, columns = inside
    return (rows[:, :, None] & columns[:, None]).reshape(HIDDEN, -1)
