"""Findings: sentences that a person can act on, derived from results.

| code | severity | when |
|---|---|---|
| N1 | warning | something about the checkpoint needs to be heard first |
| E1 | info | another version of the environment was played than was asked for |
| E2 | info | nothing was played: observations were recorded or sampled |
| R1 | critical | the policy is no better than random actions on the same episodes |
| R2 | info | how good it is, against random actions |
| R3 | info | most episodes were ended by a time limit |
| S1 | info | the features that matter most |
| S2 | info | features that hardly matter |
| S3 | warning | the contributions do not add up |
"""

from collections.abc import Iterator

import numpy as np

from policyscope.reports.comparison_findings import compared_directions, compared_returns
from policyscope.reports.report import Finding, Played, Recorded, Report, Setting
from policyscope.reports.results import Attribution, DirectionComparison, EpisodeReturns

HARDLY = 0.02
"""A feature whose importance is surely below this share hardly matters."""
INCOMPLETE = 0.05
"""Relative completeness error above which contributions are not to be believed."""
MOST = 3
"""How many features are said to decide."""
LISTED = 6
"""How many features are said hardly to matter."""
SEVERITIES = ("critical", "warning", "info")


def find(report: Report) -> tuple[Finding, ...]:
    """All findings of a report, the gravest first."""
    found = [*_from_notices(report.notices), *_from_environment(report.environment)]
    for name, entry in report.entries.items():
        match entry.result:
            case EpisodeReturns() as result if report.second is not None:
                found += compared_returns(name, result)
            case EpisodeReturns() as result:
                found += _from_returns(name, result)
            case DirectionComparison() as result:
                found += compared_directions(name, result)
            case Attribution() as result:
                found += _from_attribution(name, result)
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def _from_notices(notices: tuple[str, ...]) -> Iterator[Finding]:
    for notice in notices:
        yield Finding(
            code="N1",
            severity="warning",
            title="Before you read on",
            sentence=notice,
            advice="Settle this first: every number rests on it.",
            evidence="notices",
        )


def _from_environment(environment: Setting) -> Iterator[Finding]:
    match environment:
        case Played(id=id, played=played) if id != played:
            yield Finding(
                code="E1",
                severity="info",
                title="Another version was played",
                sentence=f"gymnasium no longer plays {id}; {played} was played instead.",
                advice="Expect returns to differ somewhat from those published for the old "
                "version.",
                evidence="environment",
            )
        case Recorded(file=file, size=size):
            yield Finding(
                code="E2",
                severity="info",
                title="Nothing was played",
                sentence=f"Every number is about the {size} of {file}: what the policy's own "
                "actions lead to is not in them.",
                advice="Give the environment with --env, where there is one.",
                evidence="environment",
            )


def _from_returns(name: str, result: EpisodeReturns) -> Iterator[Finding]:
    clean, random, advantage = (
        result.mean(0),
        result.mean(len(result.arms) - 1),
        result.advantage(0),
    )
    if advantage.low <= 0:
        verdict = "it is worse than chance" if advantage.high < 0 else "no advantage is shown"
        yield Finding(
            code="R1",
            severity="critical",
            title="No better than chance",
            sentence=f"The policy returns {clean} and random actions {random} on the same "
            f"{clean.n} episodes: {verdict}.",
            advice="Check the environment, and whether the policy was trained with a normaliser "
            "(--normalisation); a lost one is the commonest cause.",
            evidence=f"{name}.clean.advantage",
        )
    else:
        yield Finding(
            code="R2",
            severity="info",
            title="Better than chance",
            sentence=f"The policy returns {clean} per episode, {advantage} more than "
            f"random actions ({clean.n} episodes).",
            advice="Compare with the return that was published or expected for this policy.",
            evidence=f"{name}.clean.mean",
        )
    ended = float(result.truncated[0].mean())
    if ended > 0.5:
        yield Finding(
            code="R3",
            severity="info",
            title="Ended by the time limit",
            sentence=f"{ended:.0%} of the policy's episodes were ended by the time limit after "
            f"{int(result.lengths[0].max())} steps: what follows is not in the return.",
            advice="Play longer episodes with --env-arg max_episode_steps=… to see it.",
            evidence=f"{name}.clean.truncated",
        )


def _from_attribution(name: str, result: Attribution) -> Iterator[Finding]:
    named = list(zip(result.features, result.importance, strict=True))
    ranked = sorted(named, key=lambda pair: -pair[1].value)
    held = np.cumsum([estimate.value for _, estimate in ranked])
    top = ranked[: min(int(np.searchsorted(held, 0.5)) + 1, MOST)]
    yield Finding(
        code="S1",
        severity="info",
        title="What decides",
        sentence="The policy's choices rest most on "
        + " and ".join(f"{feature} ({estimate:.0%} of the credit)" for feature, estimate in top)
        + ".",
        advice="Check that these are as reliable in use as in training.",
        evidence=f"{name}.importance",
    )
    hardly = [feature for feature, estimate in ranked if estimate.high < HARDLY]
    if hardly:
        more = f" and {len(hardly) - LISTED} more" if len(hardly) > LISTED else ""
        listed = ", ".join(hardly[:LISTED]) + more
        yield Finding(
            code="S2",
            severity="info",
            title="What hardly matters",
            sentence=f"Less than {HARDLY:.0%} of the credit goes to each of {len(hardly)} of the "
            f"{len(ranked)} features: {listed}.",
            advice="If the task needs them, the policy has not learned to use them.",
            evidence=f"{name}.importance",
        )
    error = result.completeness_error
    if error.value > INCOMPLETE:
        yield Finding(
            code="S3",
            severity="warning",
            title="Contributions do not add up",
            sentence=f"They miss the score's change by {error:.0%} on average.",
            advice=f"Raise the number of steps: --set {name}.steps=500.",
            evidence=f"{name}.completeness_error",
        )
