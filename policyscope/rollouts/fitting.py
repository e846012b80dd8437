"""A policy meets a recording: what its outputs do, where no environment can tell.

The file of the policy knows it, or a person says it, or the recorded actions show it. Otherwise
each output is taken as a number of its own, which claims least, and the report says so.
"""

from dataclasses import replace
from enum import StrEnum

import numpy as np
import torch
from gymnasium import Space, spaces

from policyscope.errors import RecordingError, UsageError
from policyscope.policies.observations import arrangement
from policyscope.policies.policy import MISFITS, Policy, Scores
from policyscope.rollouts.recording import Recording


class Kind(StrEnum):
    """What the outputs of a policy do."""

    DISCRETE = "discrete"
    CONTINUOUS = "continuous"


def fitted_to_recording(
    policy: Policy, recording: Recording, kind: str | None = None
) -> tuple[Policy, Space]:
    """The policy with everything filled in that its file, a person and a recording know.

    Args:
        policy: As it was loaded.
        recording: What it is to be shown.
        kind: `discrete` or `continuous`, where the policy's file does not say it.

    Returns:
        The policy, and the actions that it is taken to choose among.

    Raises:
        RecordingError: If the observations are not the policy's.
        UsageError: If there is no such kind, or the policy is of the other one.
    """
    if kind is not None and kind not in tuple(Kind):
        raise UsageError(f"Actions are {' or '.join(Kind)}, not {kind!r}.")
    outputs = _outputs(policy, recording)
    known = _known(policy)
    if kind is not None and known is not None and kind != known:
        raise UsageError(
            f"The policy in {policy.checkpoint.file} has {known} actions, so they cannot be taken "
            f"as {kind}."
        )
    chosen = known or kind or _shown(recording.actions, outputs)
    actions = policy.action_space or _space(chosen or Kind.CONTINUOUS, outputs)
    fitted = policy.fitted_to(_observations(recording), actions, recording.file)
    if chosen is not None:
        return fitted, actions
    notice = (
        f"Whether the {outputs} outputs of {policy.checkpoint.file} are an action or scores to "
        "choose by is not recorded: each is taken as a number of a continuous action (--actions "
        "discrete if the largest is chosen)."
    )
    checkpoint = replace(fitted.checkpoint, notices=(*fitted.checkpoint.notices, notice))
    return replace(fitted, checkpoint=checkpoint), actions


def _outputs(policy: Policy, recording: Recording) -> int:
    """How many scores come out; from a trial on the first observations, where nobody knows."""
    shape = recording.observations.shape[1:]
    file = policy.checkpoint.file
    known = policy.observation_shape
    if known is not None and arrangement({"": shape}, {"": known}) is None:
        raise RecordingError(
            f"The policy in {file} takes observations of shape {known}, but "
            f"{recording.file} holds {shape}; record what it is shown."
        )
    if policy.outputs is not None:
        return policy.outputs
    seen = torch.from_numpy(recording.observations[:3])
    try:
        with torch.inference_mode():
            scores, _ = policy.scores(seen, policy.initial_memory(len(seen)))
            return scores.shape[1]
    except MISFITS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise RecordingError(
            f"The policy in {file} fails on observations of shape {shape}, which {recording.file} "
            f"holds ({reason}); record what it is shown."
        ) from error


def _known(policy: Policy) -> Kind | None:
    """What the policy's file says."""
    match policy.action_space, policy.meaning:
        case None, None:
            return None
        case (spaces.Box(), _) | (None, Scores.MEAN_ACTION):
            return Kind.CONTINUOUS
    return Kind.DISCRETE


def _shown(actions: np.ndarray | None, outputs: int) -> Kind | None:
    """What recorded actions show, if they can be this policy's at all."""
    if actions is None:
        return None
    row, kind = actions.shape[1:], actions.dtype.kind
    if kind == "f" and row == (outputs,):
        return Kind.CONTINUOUS
    numbered = kind in "iu" and row in ((), (1,))
    if numbered and 0 <= actions.min() and actions.max() < outputs:
        return Kind.DISCRETE
    return None


def _observations(recording: Recording) -> Space:
    shown = recording.observations
    high = 255 if shown.dtype == np.uint8 else shown.max()
    return spaces.Box(min(0, shown.min()), high, shown.shape[1:], shown.dtype.type)


def _space(kind: str, outputs: int) -> Space:
    if kind == Kind.DISCRETE:
        return spaces.Discrete(outputs)
    return spaces.Box(-np.inf, np.inf, (outputs,), np.float32)
