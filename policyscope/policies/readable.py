"""Readable policies as policies: what was explained can be played, and analysed again.

The files are JSON that `policyscope.readable.storage` writes. Equations are a network with
gradients; a tree answers the same within a leaf, and has none.
"""

from dataclasses import replace

import numpy as np
import torch
from gymnasium import Space, spaces
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.networks import Memory
from policyscope.policies.policy import Policy, Scores
from policyscope.policies.quoting import printable
from policyscope.provenance import Checkpoint
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.storage import FORMAT, from_json
from policyscope.readable.tree import LEAF, Tree

LARGEST = 1 << 24
"""Bytes of a file: whoever reads it reads less."""


class ReadableJson:
    """Loader of what policyscope writes of surrogates."""

    format = FORMAT

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether its first words say so."""
        return file.head.lstrip().startswith(b"{") and FORMAT.encode() in file.head

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Read the equations or the tree. See `Loader.load`."""
        del hints
        try:
            if file.path.stat().st_size > LARGEST:
                raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
            readable = from_json(file.content)
        except ValueError as error:
            raise DamagedCheckpoint(
                f"{file.name} says that it is a readable policy, and is none ({error}); let "
                "policyscope write it again."
            ) from error
        return policy_of(readable, file.name, file.digest)


def policy_of(readable: Readable, name: str, digest: str = "") -> Policy:
    """The policy that these equations or this tree are, for any environment that they fit."""
    form, features = readable.form, len(readable.features)
    network = Polynomials(form) if isinstance(form, Equations) else Questions(form)
    made_for = f" of {printable(readable.environment)}" if readable.environment else ""
    return Policy(
        network=network.requires_grad_(False).eval(),
        outputs=form.outputs,
        checkpoint=Checkpoint(
            file=name,
            digest=digest,
            format=FORMAT,
            algorithm=None,
            library=None,
            architecture=readable.kind,
            parameters=readable.size,
            observations=f"{features} features{made_for}",
            actions=printable(", ".join(readable.actions)),
            scores="logits" if readable.discrete else "mean action",
        ),
        observation_shape=(features,),
        meaning=Scores.LOGITS if readable.discrete else Scores.MEAN_ACTION,
        differentiable=isinstance(form, Equations),
    )


def in_place_of(policy: Policy, readable: Readable, name: str) -> Policy:
    """The same, fitted to where another policy acts."""
    return replace(policy_of(readable, name), action_space=policy.action_space)


def choices_of(space: Space | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and first numbers of the choices in an action, as a `Readable` has them.

    None for continuous actions.
    """
    match space:
        case spaces.Discrete(n=n, start=start):
            return (int(n),), (int(start),)
        case spaces.MultiDiscrete(nvec=nvec, start=start):
            return tuple(nvec.flatten().tolist()), tuple(start.flatten().tolist())
    return (), ()


class Polynomials(nn.Module):
    """Θ(x) Ξ in torch; see `Equations`."""

    exponents: Tensor
    coefficients: Tensor

    def __init__(self, form: Equations) -> None:
        super().__init__()
        self.register_buffer("exponents", torch.from_numpy(form.exponents))
        self.register_buffer("coefficients", torch.from_numpy(form.coefficients))
        # x²y is (x, x, y)
        numbers = np.arange(form.features)
        self.factors = tuple(
            tuple(np.repeat(numbers, powers).tolist()) for powers in form.exponents
        )

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of observations."""
        seen = observations.flatten(1).double()
        features, known = seen.unbind(1), {(): torch.ones_like(seen[:, 0])}
        columns = [_product(factors, features, known) for factors in self.factors]
        return (torch.stack(columns, 1) @ self.coefficients).float(), memory


def _product(
    factors: tuple[int, ...],
    features: tuple[Tensor, ...],
    known: dict[tuple[int, ...], Tensor],
) -> Tensor:
    """A monomial, by one multiplication from one that is shorter by a factor."""
    if factors not in known:
        known[factors] = _product(factors[:-1], features, known) * features[factors[-1]]
    return known[factors]


class Questions(nn.Module):
    """A tree in torch; see `Tree`. All observations go down side by side, leaf or not."""

    def __init__(self, form: Tree) -> None:
        super().__init__()
        own = np.arange(len(form.asked))
        self.depth = form.depth
        tables = {
            "asked": np.where(form.asked == LEAF, 0, form.asked),
            "thresholds": form.thresholds,
            "below": np.where(form.leaves, own, form.below),
            "above": np.where(form.leaves, own, form.above),
            "answers": form.answers,
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table))

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores of observations."""
        seen = observations.flatten(1).double()
        asked, thresholds, below, above, answers = self.buffers()
        node = torch.zeros(len(seen), dtype=torch.long)
        for _ in range(self.depth):
            value = seen.gather(1, asked[node][:, None])[:, 0]
            node = torch.where(value <= thresholds[node], below[node], above[node])
        return answers[node].float(), memory
