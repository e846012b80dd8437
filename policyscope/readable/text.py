"""A readable policy in words."""

from collections.abc import Iterable, Sequence

import numpy as np

from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.tree import Tree

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def as_text(readable: Readable) -> tuple[str, ...]:
    """Lines for a person: an equation per score, or a rule per leaf."""
    names = [bare(name) for name in readable.features]
    if isinstance(readable.form, Tree):
        return _rules(readable, readable.form, names)
    return _equations(readable, readable.form, names)


def _equations(readable: Readable, form: Equations, names: Sequence[str]) -> tuple[str, ...]:
    sums = [_sum(form, output, names) for output in range(form.outputs)]
    actions = [bare(name) for name in readable.actions]
    if readable.groups == (2,):
        other = Equations(form.exponents, form.coefficients[:, 1:] - form.coefficients[:, :1])
        return (f"{actions[1]} where {_sum(other, 0, names)} > 0, else {actions[0]}",)
    if readable.groups:
        heads = [f"score of {action}" for action in actions]
        tail = "the largest score of each choice is done" if len(readable.groups) > 1 else ""
        lines = [f"{head} = {total}" for head, total in zip(heads, sums, strict=True)]
        return (*lines, tail or "the action of the largest score is done")
    return tuple(
        f"{action} = {total}{_within(low, high)}"
        for action, total, low, high in zip(actions, sums, readable.low, readable.high, strict=True)
    )


def _sum(form: Equations, output: int, names: Sequence[str]) -> str:
    """Such as `1.2 − 0.5 x + 3 x²y`."""
    parts = []
    for coefficient, factors in form.terms(output):
        monomial = product(factors, names)
        sign = "−" if coefficient < 0 else "+" if parts else ""
        gap = " " if parts else ""
        parts.append(f"{sign}{gap}{abs(coefficient):.4g} {monomial}".rstrip())
    return " ".join(parts) or "0"


def product(factors: Iterable[tuple[int, int]], names: Sequence[str]) -> str:
    """A monomial of (feature, exponent), such as `x² · y`; nothing of the constant."""
    return " · ".join(
        names[i] + (str(power).translate(SUPERSCRIPTS) if power > 1 else "") for i, power in factors
    )


def _within(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f", at most {high:.4g}" if low is None else f", at least {low:.4g}"
    return f", kept within [{low:.4g}, {high:.4g}]"


def _rules(readable: Readable, form: Tree, names: Sequence[str]) -> tuple[str, ...]:
    lines = []
    for conditions, node in form.rules():
        least: dict[int, float] = {}
        most: dict[int, float] = {}
        for feature, below, threshold in conditions:
            # the last of several questions about one feature is the narrowest
            (most if below else least)[feature] = threshold
        asked = dict.fromkeys(feature for feature, _, _ in conditions)
        said = [_range(names[i], least.get(i), most.get(i)) for i in asked]
        what = _answer(readable, form.answers[node])
        lines.append(f"if {' and '.join(said)}: {what}" if said else what)
    return tuple(lines)


def _range(name: str, least: float | None, most: float | None) -> str:
    low = "" if least is None else f"{least:.4g} < "
    return f"{low}{name}" + ("" if most is None else f" ≤ {most:.4g}")


def _answer(readable: Readable, scores: np.ndarray) -> str:
    actions = [bare(name) for name in readable.actions]
    done = readable.done(scores[None])[0].tolist()
    if not readable.groups:
        values = zip(actions, done, strict=True)
        return ", ".join(f"{action} = {value:.4g}" for action, value in values)
    firsts = np.cumsum((0, *readable.groups[:-1])) - readable.starts
    return ", ".join(actions[first + i] for first, i in zip(firsts, done, strict=True))


def bare(name: str) -> str:
    """A name without the unit behind it."""
    return name.partition(" (")[0]
