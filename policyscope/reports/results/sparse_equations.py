"""Which equations would do the same job?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from policyscope.readable.equations import Equations
from policyscope.readable.latex import as_latex
from policyscope.readable.readable import Readable
from policyscope.reports.results.measure import Measure
from policyscope.reports.results.sparse_dynamics import SparseDynamics
from policyscope.reports.results.sparse_policy import SparsePolicy


@dataclass(frozen=True, eq=False)
class SparseEquations:
    """The closed loop written down: the policy, the environment's dynamics and the reward."""

    MEASURES: ClassVar[dict[str, str]] = {
        "policy.agreement": "share of the network's own states in which the equations choose the "
        "same action; for discrete actions",
        "policy.error": "root mean squared error of the action there, in half ranges; for "
        "continuous actions",
        "policy.return": "mean return of the equations in the real environment",
        "policy.loss": "mean paired loss of return against the network",
        "network.return": "mean return of the network on the same episodes",
        "policy.terms": "coefficients of the policy that are not zero",
        "policy.size_ratio": "these, per parameter of the network",
        "policy.idle": "terms with less than 1% of the largest effect in the visited states: the "
        "closed loop never excites them",
        "policy.disagreement": "share of the ensemble's members that act otherwise than the "
        "equations; for continuous actions their standard deviation, in half ranges",
        "policy.extrapolation": "share of steps of the equations' own episodes that leave the "
        "range of the states that they were fitted to",
        "linear.agreement": "as above, of linear equations",
        "linear.error": "as above, of linear equations",
        "linear.return": "mean return of linear equations on the same episodes",
        "linear.size": "coefficients of the linear equations",
        "tree.agreement": "as above, of a tree of at most as many numbers as the equations have",
        "tree.error": "as above, of that tree",
        "tree.return": "mean return of that tree on the same episodes",
        "tree.size": "questions and answers of the tree",
        "dynamics.error[steps]": "root mean squared error of the state foreseen so many steps "
        "ahead, in deviations of the visited states",
        "dynamics.horizon": "steps until that error exceeds half a deviation: where trust ends",
        "dynamics.terms": "coefficients of all features' equations that are not zero",
        "dynamics.condition": "condition number of the dictionary on the data",
        "reward.error": "root mean squared error of the reward of a step",
        "reward.terms": "coefficients of the reward's equation that are not zero",
        "fixed_points.stable": "fixed points of both together, in the range of the data, from "
        "which small deviations die away; for continuous actions",
        "fixed_points.unstable": "fixed points from which they grow",
    }
    policy: SparsePolicy
    dynamics: SparseDynamics | None
    """None where they could not be fitted."""
    unfitted: str
    """Why; empty where they were."""

    @property
    def surrogate(self) -> Readable:
        """The policy that a person can read, and play."""
        return self.policy.surrogate

    @property
    def latex(self) -> str:
        """All equations, ready for a paper."""
        form, actions = self.surrogate.form, self.surrogate.actions
        parts = []
        if isinstance(form, Equations):
            parts.append(as_latex(form, actions, self.surrogate.features))
        if self.dynamics is not None:
            named = self.dynamics.targets, self.dynamics.variables
            parts.append(as_latex(self.dynamics.form, *named))
        return "\n".join(parts)

    def measures(self) -> Iterator[Measure]:
        """See `MEASURES`."""
        yield from self.policy.measures()
        if self.dynamics is not None:
            yield from self.dynamics.measures()
