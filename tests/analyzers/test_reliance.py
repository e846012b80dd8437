from dataclasses import replace

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.reliance import Looks, reliance
from policyscope.analyzers.subject import Subject
from policyscope.attributions.masks import MASKS
from policyscope.attributions.sampling import compared, glimpsed
from policyscope.rollouts.environment import Environment

LOOKS = Looks(rho=0.75, rhos=(0.75, 0.5), played=(0.75,), episodes=3, confidence=0.95)
GRADIENTS = ("gradient", "gradient")
RNG = np.random.default_rng(9)


def asked(subject, looks=LOOKS, importance=None, states=40):
    visited = subject.visited
    steps = np.sort(RNG.choice(int(visited.lengths.sum()), states, replace=False))
    glimpses = glimpsed(subject.policy, visited, steps, 1)
    reference = compared(subject.policy, visited, 1)
    if importance is None:
        importance = torch.tensor([0, 0, 1.0, 0]).expand(states, 4)
    averaging = Averaging(visited, np.random.default_rng(0), looks.confidence)
    found = reliance(subject, glimpses, GRADIENTS, reference, importance, looks, averaging)
    return found, glimpses, reference


def seen(policy, states=120):
    observations = RNG.normal(size=(states, 4)).astype(np.float32)
    return replace(handmade.subject(policy, observations, [40, 40, 40]), environment=None)


ANGLE = handmade.policy(handmade.linear([[0, 0, -1.0, 0], [0, 0, 1.0, 0]]), 4, spaces.Discrete(2))


def test_a_policy_keeps_its_action_with_what_it_looks_at_and_loses_it_without():
    found, glimpses, reference = asked(seen(ANGLE))
    keeps = {
        mask: [e.value for e in row] for mask, row in zip(MASKS, found.keeps_action, strict=True)
    }
    assert keeps["salient"] == [1.0, 1.0]
    # with the mean in the place of the angle every state is decided as the mean is
    right = (glimpses.seen[:, 2] > 0).numpy()
    decided = float(reference.baseline[2]) > 0
    assert keeps["removed"] == [pytest.approx((right == decided).mean())] * 2
    assert keeps["removed"][0] < keeps["random"][0] < 1
    assert keeps["random"][1] > keeps["random"][0]  # half of the numbers instead of a quarter


def test_without_an_environment_nothing_is_played_and_without_a_critic_there_is_no_value():
    found, _, _ = asked(seen(ANGLE))
    assert found.played == () and found.clean.size == 0 and found.returns.size == 0
    assert found.value_changes == ()


def test_changes_of_the_value_are_in_its_standard_deviations():
    policy = replace(
        ANGLE,
        critic=handmade.policy(handmade.linear([[0, 0, 3.0, 0]]), 4, spaces.Discrete(1)).network,
    )
    found, glimpses, reference = asked(seen(policy))
    assert [e.value for e in found.value_changes[0]] == pytest.approx([0, 0])
    angle = glimpses.seen[:, 2].numpy()
    change = np.abs(angle - float(reference.baseline[2])).mean() / angle.std(ddof=1)
    assert found.value_changes[1][0].value == pytest.approx(change, rel=1e-4)


def test_episodes_are_played_with_every_mask_and_paired():
    body = handmade.linear([[0, 0, -1.0, -1.0], [0, 0, 1.0, 1.0]])
    policy = handmade.policy(body, 4, spaces.Discrete(2))
    subject = Subject.observed(policy, Environment("CartPole-v1"), 5, seed=0)
    found, _, _ = asked(subject)
    np.testing.assert_array_equal(found.clean, subject.rollouts.returns[:3])
    assert found.returns.shape == (4, 1, 3)
    assert {m.key for m in found.measures()} >= {
        "return[mask=salient,rho=0.75]",
        "keeps_action[mask=removed,rho=0.5]",
        "mask_overlap[shift=observation_noise]",
        "mask_predictability",
    }
    assert not any(m.key == "return[mask=salient,rho=0.5]" for m in found.measures())


def test_a_mask_that_always_is_the_same_overlaps_wholly_and_one_at_random_hardly():
    found, _, _ = asked(seen(ANGLE))
    shift = found.shifts.index("observation_noise")
    assert found.overlaps[shift].value == 1 and found.predictability.value == pytest.approx(0)
    random = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    found, _, _ = asked(seen(ANGLE), importance=random)
    assert found.overlaps[shift].value < 0.5


def test_the_same_seed_gives_the_same_answer():
    subject = Subject.observed(ANGLE, Environment("CartPole-v1"), 5, seed=0)
    steps = np.arange(20)
    answers = []
    for _ in range(2):
        glimpses = glimpsed(subject.policy, subject.visited, steps, 1)
        reference = compared(subject.policy, subject.visited, 1)
        averaging = Averaging(subject.visited, np.random.default_rng(0), 0.95)
        importance = glimpses.seen.abs()
        answers.append(
            reliance(subject, glimpses, GRADIENTS, reference, importance, LOOKS, averaging)
        )
    first, second = ([m for m in answer.measures()] for answer in answers)
    assert first == second
