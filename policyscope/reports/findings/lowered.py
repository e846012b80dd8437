"""What findings about those who lower a return have in common."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from policyscope import statistics
from policyscope.reports.report import Finding

GRAVE = 0.5
"""The part of the return whose surely proven loss is grave."""


def surely_won(
    gains: Float[np.ndarray, " epsilon episode"],
    clean: Float[np.ndarray, " episode"],
    confidence: float,
) -> list[float]:
    """What is gained at least with each epsilon, corrected for their number."""
    sure = 1 - (1 - confidence) / len(gains)
    return [statistics.mean(one - clean, sure).low for one in gains]


def first_won(won: Sequence[float]) -> int | None:
    """The place of the least epsilon with which anything surely is; None where there is none."""
    return next((j for j, least in enumerate(won) if least > 0), None)


def severity(won: float, clean: float) -> Literal["critical", "warning"]:
    """Of a loss that is sure."""
    return "critical" if won > GRAVE * abs(clean) else "warning"


def left_out(name: str, code: str, title: str, called: Sequence[str]) -> Finding:
    """What there was no time for, as a finding."""
    *others, last = called
    listed = f"{', '.join(others)} and {last}" if others else last
    return Finding(
        code=code,
        severity="info",
        title=title,
        sentence=f"For want of time {listed} {'were' if others else 'was'} not run: the return may "
        "be lower still.",
        advice=f"Give more time with --set {name}.minutes=10.",
        evidence=name,
    )
