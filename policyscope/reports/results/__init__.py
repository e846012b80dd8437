"""The result types: one per question, not one per method.

An analyzer answers with one of these, so that figures, findings, measures, JSON and the dashboard
know a handful of types and not every method. Arrays have named axes. A new question is a new type
here, and figures for it in `reports/figures`.
"""

from policyscope.reports.results.action_certificates import ActionCertificates
from policyscope.reports.results.attack_outcome import AttackOutcome
from policyscope.reports.results.attacked_returns import AttackedReturns
from policyscope.reports.results.attribution import Attribution
from policyscope.reports.results.certificate import Certificate
from policyscope.reports.results.counterexample import Counterexample
from policyscope.reports.results.direction_comparison import DirectionComparison
from policyscope.reports.results.direction_set import INDEPENDENT, DirectionSet
from policyscope.reports.results.disturbance_outcome import DisturbanceOutcome
from policyscope.reports.results.episode_returns import EpisodeReturns
from policyscope.reports.results.faithfulness import CHANCE, Faithfulness
from policyscope.reports.results.impact import Impact
from policyscope.reports.results.measure import Measure
from policyscope.reports.results.no_answer import Failed, NotApplicable
from policyscope.reports.results.reliance import Reliance, count_salient
from policyscope.reports.results.shapley_values import OnManifold, ShapleyValues
from policyscope.reports.results.sparse_dynamics import SparseDynamics
from policyscope.reports.results.sparse_equations import SparseEquations
from policyscope.reports.results.sparse_policy import SparsePolicy
from policyscope.reports.results.surrogates import Surrogates
from policyscope.reports.results.what_if import WhatIf

__all__ = [
    "CHANCE",
    "INDEPENDENT",
    "ActionCertificates",
    "AttackOutcome",
    "AttackedReturns",
    "Attribution",
    "Certificate",
    "Counterexample",
    "DirectionComparison",
    "DirectionSet",
    "DisturbanceOutcome",
    "EpisodeReturns",
    "Failed",
    "Faithfulness",
    "Impact",
    "Measure",
    "NotApplicable",
    "OnManifold",
    "Reliance",
    "Result",
    "ShapleyValues",
    "Surrogates",
    "SparseDynamics",
    "SparseEquations",
    "SparsePolicy",
    "WhatIf",
    "count_salient",
]

Result = (
    EpisodeReturns
    | Attribution
    | DirectionSet
    | DirectionComparison
    | Certificate
    | ActionCertificates
    | AttackOutcome
    | DisturbanceOutcome
    | ShapleyValues
    | SparseEquations
    | NotApplicable
    | Failed
)
"""Everything an analyzer may answer."""
