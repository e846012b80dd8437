"""Nuisance: the same moments, seen under a change that should not matter."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from policyscope import registry
from policyscope.attributions.glimpses import Glimpses
from policyscope.rollouts.perturbation import Perturbation
from policyscope.rollouts.seeds import Generators
from policyscope.rollouts.units import usual_changes_of_new
from policyscope.rollouts.visited import Visited


def shifted(glimpses: Glimpses, visited: Visited, seed: int) -> Iterator[tuple[str, Glimpses]]:
    """Under each registered perturbation that makes sense for this policy; memory stays.

    Adversaries are left out: what they change is meant to matter.
    """
    policy, observations = glimpses.policy, visited.observations
    scale = usual_changes_of_new(policy, visited)
    for name, shift in registry.everything(registry.PERTURBATIONS)[0].items():
        perturbation = shift(policy, observations, scale.numpy())
        if isinstance(perturbation, Perturbation):
            seen = _perturbed(glimpses, visited, perturbation, seed)
            yield name, replace(glimpses, seen=seen)


def _perturbed(
    glimpses: Glimpses, visited: Visited, perturbation: Perturbation, seed: int
) -> torch.Tensor:
    """Each observation by itself: of a stack or of a window, one after the other."""
    seen, shape = glimpses.seen, visited.observations.shape[1:]
    singles = seen.numpy().astype(visited.observations.dtype)
    columns = singles.reshape(len(seen), -1, *shape)
    generators = Generators(seed, perturbation.purpose)
    shown = [
        perturbation.perturb(column, glimpses.steps, generators)
        for column in np.moveaxis(columns, 1, 0)
    ]
    return torch.from_numpy(np.stack(shown, 1).reshape(seen.shape)).float()
