"""Figures for every result type, and the only door to the plotting library."""

from policyscope.reports.figures.attack_outcome import draw_attacks
from policyscope.reports.figures.attribution import draw_attribution
from policyscope.reports.figures.canvas import Drawn, library
from policyscope.reports.figures.certificate import draw_certificate
from policyscope.reports.figures.direction_comparison import draw_direction_comparison
from policyscope.reports.figures.direction_set import draw_directions
from policyscope.reports.figures.episode_returns import draw_returns
from policyscope.reports.report import Setting
from policyscope.reports.results import (
    AttackOutcome,
    Attribution,
    Certificate,
    DirectionComparison,
    DirectionSet,
    EpisodeReturns,
    Failed,
    NotApplicable,
    Result,
)

__all__ = ["Drawn", "draw", "library"]


def draw(name: str, result: Result, environment: Setting | None = None) -> tuple[Drawn, ...]:
    """Draw an analyzer's answer, the most telling figure first.

    Args:
        name: The analyzer's.
        result: Its answer.
        environment: Knows the units, and the names of actions; figures do without.
    """
    match result:
        case AttackOutcome():
            return draw_attacks(name, result)
        case EpisodeReturns():
            return draw_returns(name, result)
        case Attribution():
            return draw_attribution(name, result, environment)
        case DirectionSet():
            return draw_directions(name, result, environment)
        case DirectionComparison():
            return draw_direction_comparison(name, result)
        case Certificate():
            return draw_certificate(name, result)
        case NotApplicable() | Failed():
            return ()
