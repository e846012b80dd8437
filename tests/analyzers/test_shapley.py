import dataclasses
import warnings

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from policyscope.analyzers.shapley import Shapley
from policyscope.analyzers.subject import Need, Subject
from policyscope.policies.loading import load
from policyscope.policies.policy import FeedForward
from policyscope.policies.programs import Remembering
from policyscope.reports.results import NotApplicable, ShapleyValues

SMALL = Shapley(states=20, background=10, matched=50)


def asked(subject, analyzer=SMALL, seed=0) -> ShapleyValues:
    unplayed = dataclasses.replace(subject, environment=None)
    result = analyzer.run(unplayed, np.random.default_rng(seed))
    assert isinstance(result, ShapleyValues)
    return result


def only_the_first_feature_counts(features=3) -> Subject:
    weight = np.zeros((2, features))
    weight[:, 0] = [3, -3]
    policy = handmade.policy(handmade.linear(weight), features, spaces.Discrete(2))
    seen = np.random.default_rng(1).standard_normal((60, features)).astype(np.float32)
    return handmade.subject(policy, seen, [20, 20, 20])


def test_a_feature_that_is_not_used_has_no_importance_whichever_way_it_is_computed():
    for analyzer in (SMALL, dataclasses.replace(SMALL, exact=0)):
        result = asked(only_the_first_feature_counts(), analyzer)
        assert result.importance[0].low > 0.1
        assert all(estimate.high < 1e-7 for estimate in result.importance[1:])
        assert result.shares[0] == pytest.approx(1)


def test_importance_is_the_mean_size_over_states_summed_over_actions():
    result = asked(only_the_first_feature_counts())
    sizes = np.abs(result.values).mean(0)
    found = [[estimate.value for estimate in row] for row in result.importance_each]
    np.testing.assert_allclose(found, sizes, atol=1e-12)
    whole = [estimate.value for estimate in result.importance]
    np.testing.assert_allclose(whole, sizes.sum(1), atol=1e-12)
    assert result.importance[0].n == 3 and result.unit == "episodes"


def test_values_add_up_and_say_of_what():
    result = asked(only_the_first_feature_counts())
    missing = result.outputs - result.base - result.values.sum(1)
    assert np.abs(missing).max() < 1e-6 and result.efficiency_error.high < 1e-6
    assert result.quantity.startswith("probability") and result.measured_in == "probability"
    assert result.how == "all 8 sets of features, 10 background states"
    many = asked(only_the_first_feature_counts(), dataclasses.replace(SMALL, exact=0))
    assert many.how.startswith("8 runs of shap's permutations") and many.on_manifold is None
    assert many.efficiency_error.high < 1e-6


def test_states_are_those_that_were_visited_then():
    subject = only_the_first_feature_counts()
    result = asked(subject)
    steps = 20 * result.episodes + result.times
    np.testing.assert_array_equal(result.states, subject.visited.observations[steps])
    assert len(np.unique(steps)) == 20 and result.states.dtype == np.float32


def test_the_game_on_the_manifold_credits_what_tells_the_same():
    seen = np.repeat(np.random.default_rng(0).integers(0, 4, (100, 1)), 2, 1).astype(np.float32)
    policy = handmade.policy(handmade.linear([[1.0, 0.0], [-1.0, 0.0]]), 2, spaces.Discrete(2))
    result = asked(handmade.subject(policy, seen, [50, 50]), dataclasses.replace(SMALL, matched=99))
    np.testing.assert_allclose(result.shares, [1, 0], atol=1e-9)
    np.testing.assert_allclose(result.shares_on_manifold, [0.5, 0.5], atol=1e-9)
    on = result.on_manifold
    assert on is not None and on.alone.value == 0 and on.matches[0] == on.visited >= 99


def test_states_too_far_apart_to_agree_are_counted():
    subject = only_the_first_feature_counts()
    on = asked(subject, dataclasses.replace(SMALL, tolerance=0.0)).on_manifold
    assert on is not None and on.alone.value == 1 and on.matches.tolist()[1:] == [1, 1]


def test_fewer_states_are_explained_where_the_policy_would_be_asked_too_often():
    subject = only_the_first_feature_counts()
    few = dataclasses.replace(SMALL, answers=5 * 2**3 * 10 + 9)
    assert len(asked(subject, few).states) == 5
    sampled = dataclasses.replace(SMALL, exact=0, answers=4 * (2 * 3 + 1) * 8 * 10 + 9)
    assert len(asked(subject, sampled).states) == 4
    assert len(asked(subject, dataclasses.replace(SMALL, answers=1)).states) == 1


def test_the_policy_of_explanations_is_read_off_more_states_than_are_shown():
    subject = only_the_first_feature_counts()
    surrogates = asked(subject, dataclasses.replace(SMALL, states=2, read=60)).surrogates
    readable = surrogates.readables[surrogates.models.index("by_explanation")]
    seen = np.random.default_rng(5).standard_normal((500, 3))
    assert (readable.decisions(seen)[:, 0] == (seen[:, 0] < 0)).mean() > 0.95


def test_continuous_actions_are_shared_out_in_half_ranges():
    policy = handmade.policy(handmade.linear([[1.0, 0.0]]), 2, spaces.Box(-4, 4, (1,)))
    seen = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    result = asked(handmade.subject(policy, seen, [20, 20]))
    assert result.measured_in == "half range" and not result.discrete
    np.testing.assert_allclose(result.outputs[:, 0], result.states[:, 0] / 4, atol=1e-6)


def test_a_policy_with_memory_is_explained_with_what_it_remembered(examples):
    policy = load(examples / "cartpole_recurrent.zip")
    seen = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32) / 10
    fitted = policy.fitted_to(
        spaces.Box(-1, 1, (2,)), spaces.Discrete(2), "a cart with hidden velocities"
    )
    subject = handmade.subject(fitted, seen, [20, 20])
    result = asked(subject)
    # the same observation, remembered otherwise, is answered otherwise
    memory, scores = fitted.initial_memory(1), []
    with torch.no_grad():
        for row in seen[:20]:
            score, memory = fitted.scores(torch.from_numpy(row[None]), memory)
            scores.append(score.softmax(1).numpy()[0])
    first = result.episodes == 0
    expected = np.array(scores)[result.times[first]]
    np.testing.assert_allclose(result.outputs[first], expected, atol=1e-5)
    assert result.efficiency_error.high < 1e-6
    assert_it_adds_up_on_the_manifold(result)


def assert_it_adds_up_on_the_manifold(result):
    on = result.on_manifold
    assert on is not None
    np.testing.assert_allclose(on.base + on.values.sum(1), result.outputs, atol=1e-5)


def test_what_is_explained_is_among_what_may_agree():
    result = asked(only_the_first_feature_counts(), dataclasses.replace(SMALL, matched=1))
    assert_it_adds_up_on_the_manifold(result)
    assert result.on_manifold.visited in (20, 21)


def test_images_are_left_to_saliency():
    policy = dataclasses.replace(
        handmade.policy(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 4, spaces.Discrete(2)),
        observation_shape=(1, 2, 2),
    )
    subject = handmade.subject(policy, np.zeros((4, 4), np.float32), [4])
    (unmet,) = [need for need in Shapley.needs if not need.met_by(subject)]
    assert unmet is Need.VECTORS and "saliency" in unmet.value


def test_a_policy_that_answers_one_by_one_is_left_to_saliency():
    subject = only_the_first_feature_counts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and what people bring
        program = torch.jit.script(nn.Linear(3, 2))
    network = FeedForward(Remembering(program, torch.float32, ())).eval()
    single = dataclasses.replace(
        subject, policy=dataclasses.replace(subject.policy, network=network)
    )
    answer = SMALL.run(single, np.random.default_rng(0))
    assert isinstance(answer, NotApplicable) and "saliency" in answer.reason


@pytest.mark.parametrize(
    "wrong",
    [{"states": 0}, {"background": 1}, {"runs": 1}, {"matched": 0}, {"exact": -1}]
    + [{"tolerance": -0.1}, {"answers": 0}, {"read": 0}],
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="Shapley needs"):
        Shapley(**wrong)
