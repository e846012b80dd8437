"""What captions of maps have in common: whose maps, of what, and whether to believe them."""

import numpy as np

from policyscope.reports.figures.canvas import DIVERGING, text
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution


def belief(result: Attribution) -> str:
    """Whose maps of the decision are shown, and a warning where no method is better than chance."""
    whose = f"Maps are by {result.method}"
    if result.faithfulness.believed:
        return f"{whose}, the most faithful of {len(result.faithfulness.methods)} methods."
    return (
        f"Do not believe this picture: no method passed. {whose}{_refused(result, result.method)}."
    )


def additive_belief(result: Attribution) -> str:
    """The same of the maps of single scores, and of the value."""
    refused = _refused(result, result.additive)
    whose = f"Maps are by {result.additive}"
    if refused:
        return f"Do not believe this picture. {whose}{refused}."
    return f"{whose}, the most faithful of the methods whose maps of scores may be subtracted."


def _refused(result: Attribution, method: str) -> str:
    tried = result.faithfulness
    reason = dict(zip(tried.methods, tried.refused, strict=True)).get(method)
    return f", refused ({reason})" if reason else ""


def sides(result: Attribution) -> str:
    """What the two colours of a map mean."""
    if not result.signed:
        return "the stronger the orange, the more it counts; this method does not tell for what"
    if result.discrete:
        return "orange speaks for what was done, blue against it"
    return "orange raises it, blue lowers it"


def colours(signed: bool, most: float) -> dict[str, object]:
    """The colours of a map whose largest number is `most`."""
    if signed:
        return {"colorscale": DIVERGING, "cmin": -most, "cmax": most}
    (_, pale), (_, strong) = DIVERGING[1:]
    return {"colorscale": ((0.0, pale), (1.0, strong)), "cmin": 0.0, "cmax": most}


def sample(result: Attribution) -> str:
    """How many states are explained, of how many episodes."""
    episodes = len(np.unique(result.episodes))
    return f"{len(result.states)} explained states of {episodes} episodes"


def action_name(result: Attribution, score: int, environment: Setting | None) -> str:
    """What a score stands for, as it is known."""
    names = result.actions or (environment.actions if environment else ())
    return text(names[score] if score < len(names) else f"action {score}")


def actions_taken(result: Attribution, state: int, environment: Setting | None) -> str:
    """What was chosen in a state, one action of each group."""
    chosen = result.chosen[state].tolist()
    return " and ".join(action_name(result, score, environment) for score in chosen)


def ranked(result: Attribution) -> list[int]:
    """Features, the most important first."""
    return sorted(range(len(result.features)), key=lambda i: -result.importance[i].value)


def most_moved(result: Attribution) -> list[int]:
    """Of each feature, the output of which it has the largest part: units of outputs may differ."""
    size = np.abs(result.newest(result.decision)).sum(0)
    whole = np.maximum(size.sum(1, keepdims=True), np.finfo(float).tiny)
    return (size / whole).argmax(0).tolist()
