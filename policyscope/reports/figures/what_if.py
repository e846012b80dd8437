"""Figures of what would have to be different for another decision."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from policyscope.reports.figures.attribution_words import action_name, actions_taken
from policyscope.reports.figures.canvas import (
    COLOURS,
    Drawn,
    blank,
    interval,
    labelled,
    text,
    thinned,
    whiskers,
)
from policyscope.reports.report import Setting
from policyscope.reports.results import Attribution, WhatIf
from policyscope.statistics import legible

STATES, NEAREST, FEATURES = 8, 2, 25
"""States in the table, changes of each, and features in the figure."""
ROW, ROOM = 28, 57
"""Height of a row in pixels, and the table's least width in rem."""
HEADS = tuple("where|it does|it would do|if|were|instead of|which is|usual changes".split("|"))
WIDTHS = (1.5, 1.1, 1.1, 1.9, 0.8, 0.9, 0.8, 1.1)
"""Headings from left to right make a sentence."""
WRAPPED = 30
"""Characters of a feature that fit into one line."""


def draw_what_if(name: str, result: Attribution, environment: Setting | None) -> Iterator[Drawn]:
    """Some states in words, and all of them in numbers."""
    if result.what_if is None:
        return
    if np.isfinite(result.what_if.distances).any():
        yield _table(name, result, result.what_if, environment)
    yield _turns(name, result, result.what_if, environment)


def _table(name: str, result: Attribution, what_if: WhatIf, environment: Setting | None) -> Drawn:
    """The nearest changes of a few states, spread over those that have any."""
    distance = what_if.distances
    turn = np.flatnonzero(np.isfinite(distance.min(1)))
    cases = turn[thinned(turn, STATES)]
    rows = [row for case in cases.tolist() for row in _rows(result, what_if, case, environment)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    wrapped = sum(len(cell) // WRAPPED for cell in columns[HEADS.index("if")])
    figure = blank(20 + ROW * (len(rows) + 1) + (ROW - 10) * wrapped)
    common = {"align": "left", "height": ROW}
    shade = {"color": "#e6e9ec"}, {"color": _stripes(rows)}
    figure.add_table(
        columnwidth=WIDTHS,
        header={"values": HEADS, "fill": shade[0], "line": {"width": 0}} | common,
        cells={"values": columns, "fill": shade[1], "line": {"width": 0}} | common,
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 8, "b": 0})
    never, reach = len(distance) - len(turn), legible(what_if.reach)
    keeps = "none keeps" if never == 0 else f"{never} keep" + "s" * (never == 1)
    newest = " of the newest observation" * bool(result.credit_of_past)
    return Drawn(
        f"{name}-what-if",
        "What would have changed its mind",
        f"The smallest changes of one feature{newest} alone after which it does something else, "
        f"the {NEAREST} smallest of each of {len(cases)} states. A usual change is how much the "
        f"feature varies. Of the {len(distance)} states that were examined, {keeps} the "
        f"action whatever single feature is changed by up to {reach} usual changes.",
        figure,
        ROOM,
    )


def _rows(
    result: Attribution, what_if: WhatIf, case: int, environment: Setting | None
) -> Iterator[tuple[str, ...]]:
    """One state's nearest changes, in words."""
    state = int(what_if.cases[case])
    distance = what_if.distances[case]
    place = f"episode {result.episodes[state]}, step {result.times[state]}"
    does, alone = actions_taken(result, state, environment), len(result.outputs) == 1
    for feature in np.argsort(distance, kind="stable")[:NEAREST].tolist():
        if not np.isfinite(distance[feature]):
            return
        way = int(what_if.changes[case, feature].argmin())
        change = what_if.changes[case, feature, way] * (1 if way else -1)
        value = float(result.newest(result.states)[state, feature])
        becomes = int(what_if.becomes[case, feature, way])
        yield (
            place,
            does,
            action_name(result, becomes, environment) if alone else "something else",
            labelled(result.features[feature], environment),
            f"{value + change:.3g}".replace("-", "−"),
            f"{value:.3g}".replace("-", "−"),
            f"{change:+.2g}".replace("-", "−"),
            f"{distance[feature]:.2g}",
        )
        place = does = ""


def _stripes(rows: list[tuple[str, ...]]) -> list[list[str]]:
    """Rows of one state share their shade."""
    states = np.cumsum([bool(row[0]) for row in rows])
    return [["#f6f7f8" if state % 2 else "white" for state in states.tolist()]]


def _turns(name: str, result: Attribution, what_if: WhatIf, environment: Setting | None) -> Drawn:
    """In how many states each feature alone changes the action."""
    shares = np.array([turn.value for turn in what_if.turns])
    order = np.argsort(-shares, kind="stable")
    shown: Int[np.ndarray, " feature"] = order[:FEATURES]
    estimates = [what_if.turns[i] for i in shown]
    figure = blank(100 + 30 * len(shown))
    figure.add_bar(
        x=shares[shown],
        y=np.arange(len(shown)),
        error_x=whiskers(estimates),
        orientation="h",
        width=0.6,
        marker={"color": COLOURS[0]},
        hovertext=[
            f"{text(result.features[i])}: {what_if.turns[i]:.1%}; a usual change is "
            f"{what_if.units[i]:.3g}"
            for i in shown
        ],
        hoverinfo="text",
    )
    reach = legible(what_if.reach)
    figure.update_xaxes(title_text="share of states", tickformat=".0%", rangemode="tozero")
    labels = [labelled(result.features[i], environment) for i in shown]
    figure.update_yaxes(tickvals=np.arange(len(shown)), ticktext=labels, showgrid=False)
    figure.update_yaxes(range=[len(shown) - 0.4, -0.6])
    hidden = f" The {len(order) - len(shown)} others are hidden." * (len(order) > len(shown))
    return Drawn(
        f"{name}-turns",
        "Which features can change its mind alone",
        f"Share of the {len(what_if.cases)} examined states in which a change of this feature "
        f"alone, by up to {reach} usual changes, leads to another action, with the "
        f"{interval(estimates[0], result.unit)}.{hidden}",
        figure.update_layout(showlegend=False),
    )
