"""A readable policy as Python: a function that anybody can call, and needs nothing.

Whatever the names in a report hold, no more than words of letters and digits come out of them, and
numbers are written as numbers.
"""

import keyword
import re
from collections.abc import Sequence

import numpy as np

from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.text import bare
from policyscope.readable.tree import Tree


def as_python(readable: Readable) -> str:
    """A module with one function, `policy(observation)`, that needs nothing to be imported.

    It answers with the number of an action, a list of such numbers where there are several
    choices, or the list of a continuous action.
    """
    names = identifiers(readable.features)
    head = [
        f'"""A readable policy, written by policyscope: {readable.kind}."""',
        "",
        "",
        "def policy(observation):",
        '    """The action at one observation, in the units of the environment."""',
        f"    {', '.join(names)}, = observation"
        if len(names) == 1
        else f"    {', '.join(names)} = observation",
    ]
    form = readable.form
    if isinstance(form, Tree):
        return "\n".join([*head, *_branches(readable, form, names)]) + "\n"
    scores = [_sum(form, output, names) for output in range(form.outputs)]
    listed = [f"        {score}," for score in scores]
    return "\n".join([*head, "    scores = [", *listed, "    ]", *_chosen(readable)]) + "\n"


def identifiers(names: Sequence[str]) -> list[str]:
    """Names as variables, all different: whatever a name holds, no more than a word comes out."""
    words = [re.sub(r"[^a-z0-9]+", "_", bare(name).lower()).strip("_") for name in names]
    taken = {"observation", "scores", "policy"}
    chosen = []
    for i, word in enumerate(words):
        usable = word.isidentifier() and not keyword.iskeyword(word) and word not in taken
        chosen.append(word if usable else f"x_{i}")
        taken.add(chosen[-1])
    return chosen


def _sum(form: Equations, output: int, names: Sequence[str]) -> str:
    parts = []
    for coefficient, factors in form.terms(output):
        powers = [names[i] + (f"**{power}" if power > 1 else "") for i, power in factors]
        parts.append(" * ".join([repr(coefficient), *powers]))
    return " + ".join(parts) or "0.0"


def _chosen(readable: Readable) -> list[str]:
    if not readable.groups:
        bounds = zip(readable.low, readable.high, strict=True)
        clipped = [_clipped(f"scores[{i}]", *pair) for i, pair in enumerate(bounds)]
        return [f"    return [{', '.join(clipped)}]"]
    ends = np.cumsum(readable.groups).tolist()
    choices = []
    for end, count, start in zip(ends, readable.groups, readable.starts, strict=True):
        first = end - count
        where = "scores.__getitem__" if not first else f"lambda i: scores[{first} + i]"
        choices.append(f"max(range({count}), key={where})" + (f" + {start}" if start else ""))
    return [f"    return {choices[0] if len(choices) == 1 else '[' + ', '.join(choices) + ']'}"]


def _clipped(what: str, low: float | None, high: float | None) -> str:
    what = what if low is None else f"max({what}, {low!r})"
    return what if high is None else f"min({what}, {high!r})"


def _branches(readable: Readable, form: Tree, names: Sequence[str]) -> list[str]:
    lines: list[str] = []
    waiting: list[tuple[int, int, str]] = [(0, 1, "")]
    while waiting:
        node, depth, head = waiting.pop()
        if head:
            lines.append("    " * (depth - 1) + head)
        if form.leaves[node]:
            lines.append("    " * depth + f"return {_answer(readable, form.answers[node])}")
            continue
        question = f"if {names[form.asked[node]]} <= {float(form.thresholds[node])!r}:"
        waiting.append((int(form.above[node]), depth + 1, "else:"))
        waiting.append((int(form.below[node]), depth + 1, question))
    return lines


def _answer(readable: Readable, scores: np.ndarray) -> str:
    done = readable.done(scores[None])[0]
    return repr(done.item() if len(readable.groups) == 1 else done.tolist())
