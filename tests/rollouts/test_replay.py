import numpy as np
import pytest
import torch
from players import counting

from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play
from policyscope.rollouts.replay import replayed


@pytest.mark.parametrize("batch", [3, 256])
def test_a_recurrent_policy_remembers_what_it_did_when_it_played(batch):
    environment = Environment("CartPole-v1", {"max_episode_steps": 20})
    actor = counting(environment)
    rollouts = play(actor, environment, 7)
    time = np.arange(len(rollouts.rewards)) - rollouts.first_steps[rollouts.episode_of_step]
    found = []
    for steps, seen, (count,) in replayed(actor.policy, rollouts.visited, batch):
        assert len(steps) <= batch
        np.testing.assert_array_equal(seen, rollouts.shown[steps])
        np.testing.assert_array_equal(count, time[steps, None] * np.ones(2))
        found.append(steps)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(len(time)))


def test_a_policy_without_memory_is_shown_every_step_in_order():
    environment = Environment("CartPole-v1")
    actor = counting(environment)
    rollouts = play(actor, environment, 3)
    policy = type(actor.policy)(
        network=torch.nn.Identity(), outputs=2, checkpoint=actor.policy.checkpoint
    )
    parts = list(replayed(policy, rollouts.visited, 10))
    np.testing.assert_array_equal(
        np.concatenate([steps for steps, _, _ in parts]), np.arange(len(rollouts.rewards))
    )
    np.testing.assert_array_equal(torch.cat([seen for _, seen, _ in parts]), rollouts.shown)
    assert all(memory == () for _, _, memory in parts)
