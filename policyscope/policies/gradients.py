"""How fast a policy's decision breaks, and in which direction: gradients of the decision.

For discrete actions the loss of RA-NLD, the softmax cross entropy J with the label fixed at the
clean decision a*. With h the log-odds of all other actions together against it,

    h(s) = log Σ_{a≠a*} exp(l_a/T) − l_{a*}/T        J = log(1 + exp h)        ∇J = sigmoid(h) ∇h

which keeps its direction where softmax has long been rounded to one. Groups of a multi-discrete
action add up. For continuous actions the rows of the Jacobian of the mean action, each in units of
half its bounds' distance where it has bounds, or, as the Fisher information of a Gaussian policy
would have it, in units of its standard deviation.

References: Korkmaz 2024, https://arxiv.org/abs/2406.16979 (the loss); the Jacobian's form is ours.
"""

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Shaped
from torch import Tensor

from policyscope.errors import UsageError
from policyscope.policies.policy import Memory, Policy


def decision_gradients(
    policy: Policy,
    observations: Shaped[Tensor, " batch *observation"],
    memory: Memory = (),
    temperature: float = 1.0,
    *,
    fisher: bool = False,
) -> tuple[Float[Tensor, " batch row *observation"], Float[Tensor, " batch"]]:
    """Gradients of each decision with respect to its observation, per unit of each feature.

    Args:
        policy: Differentiable, and fitted to its action space.
        observations: In the environment's units.
        memory: What a recurrent policy carried there.
        temperature: T, for discrete actions.
        fisher: Measure continuous actions in the policy's own standard deviations.

    Returns:
        One row for discrete actions, one for each dimension of continuous ones, and a factor in
        double precision: their product is the gradient. Where a decision is all but certain the
        factor is small, and the row keeps the direction.
    """
    with torch.inference_mode(False), torch.enable_grad():
        seen = observations.detach().to(torch.float32, copy=True).requires_grad_()
        scores, _ = policy.scores(seen, tuple(part.detach().clone() for part in memory))
        if isinstance(policy.action_space, spaces.Box):
            units = _deviations(policy) if fisher else action_units(policy)
            targets = (scores / units.to(scores)).unbind(1)
            factors = torch.ones(len(seen), dtype=torch.float64)
        else:
            margin = margins(policy, scores.double() / temperature)
            steepness = torch.nn.functional.logsigmoid(margin.detach())
            steepest = steepness.amax(1, keepdim=True)
            factors = steepest[:, 0].exp()
            targets = ((margin * (steepness - steepest).exp()).sum(1),)
        rows = [
            torch.autograd.grad(t.sum(), seen, retain_graph=len(targets) > 1)[0] for t in targets
        ]
    return rows[0][:, None] if len(rows) == 1 else torch.stack(rows, 1), factors


def margins(
    policy: Policy, scores: Float[Tensor, " batch output"]
) -> Float[Tensor, " batch choice"]:
    """h: log-odds of all other actions together against the greedy one; negative where it leads.

    One column for each group of a multi-discrete action that leaves a choice.
    """
    groups = (scores,)
    if isinstance(policy.action_space, spaces.MultiDiscrete):
        groups = scores.split(policy.action_space.nvec.flatten().tolist(), 1)
    columns = []
    for group in groups:
        if group.shape[1] > 1:
            chosen = group.argmax(1, keepdim=True)
            others = group.scatter(1, chosen, -torch.inf).logsumexp(1)
            columns.append(others - group.gather(1, chosen)[:, 0])
    return torch.stack(columns, 1)


def action_units(policy: Policy) -> Float[Tensor, " output"]:
    """Half the range of each dimension of a continuous action; 1 where it has no bounds."""
    low, high = policy.action_space.low.flatten(), policy.action_space.high.flatten()  # pyright: ignore
    bounded = np.isfinite(low) & np.isfinite(high)
    return torch.from_numpy(np.where(bounded, (high - low) / 2, 1.0))


def _deviations(policy: Policy) -> Float[Tensor, " output"]:
    if policy.spread is None:
        raise UsageError(
            "The Fisher form needs a Gaussian policy with a constant standard deviation, and "
            f"{policy.checkpoint.file} has none; use the Jacobian's form."
        )
    return policy.spread
