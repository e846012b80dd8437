import dataclasses
from dataclasses import replace
from typing import ClassVar

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.analyzers.directions import Directions, correlation
from policyscope.analyzers.subject import Subject
from policyscope.policies.loading import load
from policyscope.reports.results import DirectionSet, NotApplicable
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.instability import Gradients, instability
from policyscope.rollouts.visited import Visited

RNG = np.random.default_rng(0)
EPISODES, STEPS = 4, 50
STATES = RNG.standard_normal((EPISODES * STEPS, 4)).astype(np.float32)
TURNED = np.linalg.qr(RNG.standard_normal((4, 4)))[0]


def recorded(policy, states=STATES, lengths=(STEPS,) * EPISODES) -> Subject:
    subject = handmade.subject(policy, states, list(lengths))
    return replace(subject, environment=None)


def run(policy, states=STATES, lengths=(STEPS,) * EPISODES, **parameters) -> DirectionSet:
    parameters = {"units": "environment", "episodes": 100} | parameters
    analyzer = Directions(**parameters)
    found = analyzer.run(recorded(policy, states, lengths), np.random.default_rng(1))
    assert isinstance(found, DirectionSet)
    return found


def two_actions(score) -> nn.Module:
    """A body with one action's logit given, and the other's zero."""

    class Body(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logit = score(x)
            return torch.stack([logit, torch.zeros_like(logit)], 1)

    return Body()


def discrete(score, inputs=4):
    return handmade.policy(two_actions(score), inputs, spaces.Discrete(2))


def column(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def test_a_linear_boundary_in_a_rotated_basis_is_found():
    normal = TURNED[0]
    found = run(discrete(lambda x: 3 * (x @ column(normal)) - 1))
    assert abs(found.directions[0] @ normal) == pytest.approx(1, abs=1e-6)
    assert found.shares[0].value == pytest.approx(1)
    assert found.participation.value == pytest.approx(1)
    assert found.concentration.value == pytest.approx(1 / np.sum(normal**4), rel=1e-5)
    assert found.chance.value == pytest.approx(1 / 4)
    # ‖g‖ = 3·sigmoid(−|logit|): by hand
    logits = 3 * STATES @ normal - 1
    np.testing.assert_allclose(found.norms, 3 / (1 + np.exp(np.abs(logits))), rtol=1e-4)


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_weight_is_positive_whatever_the_eigenvectors_sign(sign):
    weight = sign * RNG.standard_normal((3, 4))
    found = run(handmade.policy(handmade.linear(weight), 4, spaces.Box(-1, 1, (3,))), directions=4)
    for direction in found.directions:
        assert direction[np.abs(direction).argmax()] > 0
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(4), atol=1e-9)


def test_the_distance_to_a_linear_boundary_is_found():
    normal = TURNED[0]
    found = run(discrete(lambda x: 3 * (x @ column(normal)) - 1), states=STATES)
    exact = np.median(np.abs(STATES @ normal - 1 / 3))
    for distance in found.impact.flip_distances[:2]:
        assert distance.low <= exact <= distance.high
        assert distance.value == pytest.approx(exact, rel=0.02)
    span = np.ptp(STATES @ found.directions[0])
    assert found.impact.flip_share is not None
    assert found.impact.flip_share.value == pytest.approx(exact / span, rel=0.02)


def test_a_step_towards_the_boundary_crosses_it_and_one_away_never_does():
    normal = TURNED[0]
    found = run(discrete(lambda x: x @ column(normal)), epsilons=(1e-6, 100.0))
    _, far = zip(*found.impact.responses, strict=True)
    rates = dict(zip(found.impact.along, (estimate.value for estimate in far), strict=True))
    assert rates["principal"] == rates["gradient"] == 1
    # in every state exactly one of both ways leads across
    assert rates["principal+"] + rates["principal-"] == pytest.approx(1)
    assert 0 < rates["principal+"] < 1


def test_two_regions_with_different_normals_share_the_moment_as_their_gradients_do():
    first, second = TURNED[0], TURNED[1]

    def score(x):
        return torch.where(x[:, 0] > 0, 5 * (x @ column(first)), x @ column(second))

    found = run(discrete(score), directions=4)
    side = STATES[:, 0] > 0
    logits = np.where(side, 5 * STATES @ first, STATES @ second)
    slopes = np.where(side, 5, 1) / (1 + np.exp(np.abs(logits)))
    moments = np.array([np.sum(slopes[side] ** 2), np.sum(slopes[~side] ** 2)])
    np.testing.assert_allclose(
        [share.value for share in found.shares],
        [*np.sort(moments / moments.sum())[::-1], 0, 0],
        atol=1e-5,
    )
    normals = np.stack([first, second])[np.argsort(-moments)]
    np.testing.assert_allclose(np.abs(np.sum(found.directions[:2] * normals, 1)), 1, atol=1e-5)
    assert found.participation.value == pytest.approx(
        moments.sum() ** 2 / np.sum(moments**2), rel=1e-4
    )


def test_unit_gradients_count_every_state_alike():
    first, second = TURNED[0], TURNED[1]

    def score(x):
        return torch.where(x[:, 0] > 0, 50 * (x @ column(first)), 0.1 * (x @ column(second)))

    found = run(discrete(score), length="unit")
    share = np.mean(STATES[:, 0] > 0)
    assert found.shares[0].value == pytest.approx(max(share, 1 - share), abs=1e-6)


def test_a_saturated_policy_is_analysed_by_its_direction():
    policy = discrete(lambda x: 1e4 * (x @ column(TURNED[2])))
    found = run(policy, length="unit")
    assert abs(found.directions[0] @ TURNED[2]) == pytest.approx(1, abs=1e-5)


def test_a_direction_that_switches_over_time_is_seen_between_windows():
    clock = np.tile(np.arange(STEPS) / STEPS, EPISODES)
    states = np.column_stack([clock, STATES[:, 1:]]).astype(np.float32)

    def score(x):
        return torch.where(x[:, 0] < 0.5, x[:, 1], x[:, 2])

    found = run(discrete(score), states=states, windows=10)
    early, late = found.windows[:5, :5], found.windows[5:, 5:]
    assert min(early.min(), late.min()) > 0.999
    assert max(found.windows[:5, 5:].max(), found.windows[5:, :5].max()) < 1e-6
    assert found.window_correlation is not None
    assert found.window_correlation.value == pytest.approx(8 / 9, abs=1e-3)


def test_oscillation_is_the_variation_of_the_gradients_length_within_episodes():
    found = run(discrete(lambda x: x @ column(TURNED[0])))
    episodes = found.norms.reshape(EPISODES, STEPS)
    assert found.oscillation is not None
    assert found.oscillation.value == pytest.approx(np.mean(episodes.std(1) / episodes.mean(1)))
    assert found.oscillation.n == EPISODES


def test_units_make_a_step_mean_the_same_along_every_feature():
    stretch = np.array([1.0, 10.0, 0.1, 3.0], np.float32)
    normal = TURNED[0]
    plain = run(discrete(lambda x: x @ column(normal)), units="deviations")
    stretched = run(
        discrete(lambda x: x @ column(normal / stretch)),
        states=STATES * stretch,
        units="deviations",
    )
    np.testing.assert_allclose(np.abs(stretched.directions[0]), np.abs(plain.directions[0]), 1e-4)
    assert stretched.impact.flip_distances[0].value == pytest.approx(
        plain.impact.flip_distances[0].value, rel=1e-3
    )
    np.testing.assert_allclose(plain.scale, STATES.std(0), rtol=1e-5)


def test_a_feature_that_never_moves_is_left_out():
    states = STATES.copy()
    states[:, 3] = 7
    found = run(discrete(lambda x: x @ column([1.0, 0, 0, 0.1])), states, units="deviations")
    assert found.scale[3] == 0 and found.directions[0][3] == 0
    assert found.chance.value == pytest.approx(1 / 3)


def test_a_normalisers_deviations_are_the_units():
    policy = replace(discrete(lambda x: x[:, 0]), scale=torch.tensor([1.0, 2.0, 3.0, 4.0]).double())
    np.testing.assert_array_equal(run(policy, units="deviations").scale, [1, 2, 3, 4])


def test_continuous_actions_have_the_moment_of_their_jacobian():
    weight = RNG.standard_normal((3, 4))
    policy = handmade.policy(handmade.linear(weight), 4, spaces.Box(-1, 1, (3,)))
    found = run(policy, directions=4)
    values = np.linalg.svd(weight)[1] ** 2
    np.testing.assert_allclose(
        [share.value for share in found.shares], [*values / values.sum(), 0], atol=1e-5
    )
    assert abs(found.directions[0] @ np.linalg.svd(weight)[2][0]) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found.norms, np.linalg.norm(weight), rtol=1e-5)
    assert not found.impact.flip_along


def test_correlation_is_one_of_the_same_states_and_none_of_other_normals():
    rng = np.random.default_rng(0)
    gradients = Gradients(torch.ones(4))

    def of(normal):
        policy = discrete(lambda x: x @ column(normal))
        return instability(policy, Visited(np.array([50] * 4), STATES), gradients)

    one, same, other = of(TURNED[0]), of(TURNED[0]), of(TURNED[1])
    between = of((TURNED[0] + TURNED[1]) / 2**0.5)
    assert correlation(one, same, rng, 0.9).value == pytest.approx(1)
    assert correlation(one, other, rng, 0.9).value == pytest.approx(0, abs=1e-9)
    assert correlation(one, between, rng, 0.9).value == pytest.approx(0.5, rel=1e-5)


def test_one_action_and_no_gradient_do_not_apply():
    single = handmade.policy(handmade.linear([[1.0] * 4]), 4, spaces.Discrete(1))
    flat = handmade.policy(two_actions(lambda x: 0 * x[:, 0]), 4, spaces.Discrete(2))
    for policy, reason in ((single, "single action"), (flat, "vanish at all 200 states")):
        answer = Directions(episodes=100).run(recorded(policy), np.random.default_rng(0))
        assert isinstance(answer, NotApplicable) and reason in answer.reason


@pytest.mark.parametrize(
    "parameters",
    [{"episodes": 1}, {"epsilons": ()}, {"epsilons": (0.1, 0.0)}, {"units": "x"}, {"length": "x"}],
    ids=str,
)
def test_senseless_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match="Directions|units|length"):
        Directions(**parameters)


@dataclasses.dataclass(frozen=True, eq=False)
class Constant:
    """Adds one vector to every observation."""

    vector: np.ndarray
    purpose: ClassVar[str] = "constant"

    def perturb(self, observations, episodes, generators):
        return (observations + self.vector).astype(observations.dtype)


@pytest.fixture(scope="module")
def cartpole(examples):
    environment = Environment("CartPole-v1", {"max_episode_steps": 100})
    return Subject.observed(load(examples / "cartpole_dqn.zip"), environment, episodes=4, seed=0)


@pytest.mark.slow
def test_moving_along_the_direction_is_what_a_constant_perturbation_does(cartpole):
    found = Directions(episodes=4, epsilons=(0.5, 5.0)).run(cartpole, np.random.default_rng(0))
    assert isinstance(found, DirectionSet)
    ways = dict(zip(found.impact.along, found.impact.returns, strict=True))
    for j, epsilon in enumerate(found.impact.epsilons):
        for sign, way in ((1, "principal+"), (-1, "principal-")):
            step = Constant(sign * epsilon * found.scale * found.directions[0])
            played = cartpole.play(Greedy(cartpole.policy), step)
            np.testing.assert_array_equal(ways[way][j], played.returns)
    np.testing.assert_array_equal(found.impact.clean, cartpole.rollouts.returns)
    # the same sign in every state is a special case of the sign of each state
    assert ways["principal"][1].mean() <= max(ways["principal+"][1].mean(), 100)
    attacked = {"carlini_wagner", "deepfool", "elastic_net", "nesterov"}
    assert set(found.shifts) == {"independent_run", "observation_noise", *attacked}


@pytest.mark.slow
def test_ten_times_the_deviation_along_the_gradient_ends_the_episode_at_once(cartpole):
    found = Directions(episodes=4, epsilons=(10.0,)).run(cartpole, np.random.default_rng(0))
    assert isinstance(found, DirectionSet)
    ways = dict(zip(found.impact.along, found.impact.returns[:, 0], strict=True))
    assert ways["gradient"].mean() < 20 < cartpole.rollouts.returns.mean()
