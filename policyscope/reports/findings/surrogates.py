"""What is found in surrogates: whether a person can read what a network does."""

from collections.abc import Iterator

import numpy as np

from policyscope.readable.readable import Readable
from policyscope.readable.text import as_text, bare
from policyscope.reports.report import Finding
from policyscope.reports.results.surrogates import Surrogates
from policyscope.statistics import legible

LINES = 4
"""Of what a surrogate says that are told in a sentence; the page has all of them."""
LONGEST = 300
"""Characters of them."""
MOVED = 0.3
"""Deviations by which a feature has to differ to be named."""


def from_surrogates(name: str, result: Surrogates) -> Iterator[Finding]:
    """L1 to L4, of the analyzer of this name."""
    if result.models:
        best = result.chosen
        found = _faithful if result.faithful(best) else _unfaithful
        yield found(name, result, best)
    if result.linear is not None:
        yield _linear(name, result, result.linear)
    for sentence in result.refused:
        yield Finding(
            code="L4",
            severity="info",
            title="A surrogate was refused",
            sentence=sentence,
            advice="The others do not rest on it.",
            evidence=name,
        )


def _faithful(name: str, result: Surrogates, best: int) -> Finding:
    readable = result.readables[best]
    return Finding(
        code="L1",
        severity="info",
        title="A person can read what it does",
        sentence=f"{_sentence(_called(result, best))} acts like the network in "
        f"{result.agreements[best]:.1%} of its steps{_returning(result, best)}; "
        f"{readable.size} numbers in place of {result.parameters:,}{_says(readable)}",
        advice=f"Read it, and deploy it in place of the network: {name}-surrogate.py and .json lie "
        "in the report's folder.",
        evidence=f"{name}.surrogate.agreement",
    )


def _unfaithful(name: str, result: Surrogates, best: int) -> Finding:
    return Finding(
        code="L3",
        severity="warning",
        title="No readable surrogate is faithful",
        sentence=f"The best of {len(result.models)}, {_called(result, best)}, acts like the "
        f"network in {result.agreements[best]:.1%} of its steps (wanted: {result.wanted:.0%})"
        f"{_returning(result, best)}{_missed(result, best)}.",
        advice="Take what it says for a summary, and not for the policy; "
        f"--set {name}.steps=50000 gives it more to learn from.",
        evidence=f"{name}.surrogate.agreement",
    )


def _linear(name: str, result: Surrogates, model: int) -> Finding:
    loss = result.loss(model)
    return Finding(
        code="L2",
        severity="info",
        title="The policy is linear-equivalent in return",
        sentence=f"{_sentence(_called(result, model))} returns {result.mean_return(model)}, and "
        f"the network {result.clean_return()}: a loss of {loss}, paired over {loss.n} episodes, "
        "that may be none. They act alike in "
        f"{result.agreements[model].value:.0%} of the network's steps.",
        advice="Ask what the network is for; more --episodes make the interval narrower.",
        evidence=f"{name}.surrogate.return[model={result.models[model]}]",
    )


def _called(result: Surrogates, model: int) -> str:
    """The surrogate by its name, and what that does not say of it."""
    kind = result.readables[model].kind
    known = kind.partition(",")[0] == result.models[model] or kind.startswith("tree")
    name = f"the surrogate {result.models[model].replace('_', ' ')}"
    return name if known else f"{name} ({kind})"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _returning(result: Surrogates, model: int) -> str:
    if not len(result.clean):
        return ""
    clean = legible(result.clean_return().value)
    lost = "" if result.as_good(model) else f", a loss of {result.loss(model)} in pairs"
    return f" and returns {result.mean_return(model)} where it returns {clean}{lost}"


def _says(readable: Readable) -> str:
    lines = as_text(readable)
    said = "; ".join(lines)
    return f": {said}." if len(lines) <= LINES and len(said) <= LONGEST else "."


def _missed(result: Surrogates, model: int) -> str:
    """Which action it misses most, and what is different there."""
    shares = result.by_action[model]
    words = ""
    if np.isfinite(shares).any():
        worst = int(np.nanargmin(shares))
        action = bare(result.readables[model].actions[worst])
        words = f". It misses {action} most ({shares[worst]:.0%} alike)"
    moved = result.by_feature[model]
    furthest = int(np.abs(moved).argmax())
    if abs(moved[furthest]) < MOVED:
        return words
    feature = bare(result.readables[model].features[furthest])
    more = "larger" if moved[furthest] > 0 else "smaller"
    return f"{words}{', and' if words else '. It'} acts otherwise where {feature} is {more}"
