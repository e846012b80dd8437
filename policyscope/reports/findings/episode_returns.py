"""What is found in the returns of whole episodes."""

from collections.abc import Iterator

from policyscope.reports.report import Finding
from policyscope.reports.results import EpisodeReturns


def from_returns(name: str, result: EpisodeReturns) -> Iterator[Finding]:
    """R1 to R3."""
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
