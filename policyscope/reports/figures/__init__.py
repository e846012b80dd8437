"""Figures for every result type, and the only door to the plotting library."""

from collections.abc import Callable
from typing import Any

from policyscope.reports.figures.action_certificates import draw_action_certificates
from policyscope.reports.figures.attack_outcome import draw_attacks
from policyscope.reports.figures.attribution import draw_attribution
from policyscope.reports.figures.canvas import Drawn, library
from policyscope.reports.figures.certificate import draw_certificate
from policyscope.reports.figures.direction_comparison import draw_direction_comparison
from policyscope.reports.figures.direction_set import draw_directions
from policyscope.reports.figures.disturbance_outcome import draw_disturbances
from policyscope.reports.figures.episode_returns import draw_returns
from policyscope.reports.figures.shapley_values import draw_shapley_values
from policyscope.reports.figures.sparse_equations import draw_sparse_equations
from policyscope.reports.report import Setting
from policyscope.reports.results import (
    ActionCertificates,
    AttackOutcome,
    Attribution,
    Certificate,
    DirectionComparison,
    DirectionSet,
    DisturbanceOutcome,
    EpisodeReturns,
    Result,
    ShapleyValues,
    SparseEquations,
)

__all__ = ["Drawn", "draw", "library"]


def draw(name: str, result: Result, environment: Setting | None = None) -> tuple[Drawn, ...]:
    """Draw an analyzer's answer, the most telling figure first.

    Args:
        name: The analyzer's.
        result: Its answer.
        environment: Knows the units, and the names of actions; figures do without.
    """
    named: dict[type, Callable[[str, Any, Setting | None], tuple[Drawn, ...]]] = {
        Attribution: draw_attribution,
        DirectionSet: draw_directions,
        DisturbanceOutcome: draw_disturbances,
        ShapleyValues: draw_shapley_values,
    }
    plain: dict[type, Callable[[str, Any], tuple[Drawn, ...]]] = {
        ActionCertificates: draw_action_certificates,
        AttackOutcome: draw_attacks,
        Certificate: draw_certificate,
        DirectionComparison: draw_direction_comparison,
        EpisodeReturns: draw_returns,
        SparseEquations: draw_sparse_equations,
    }
    kind = type(result)
    if kind in named:
        return named[kind](name, result, environment)
    return plain[kind](name, result) if kind in plain else ()
