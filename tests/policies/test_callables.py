"""Code of a person's own plays like any other policy, and says what it lacks."""

import hashlib
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

from policyscope import analyze, from_callable
from policyscope.analysis import configured
from policyscope.errors import EnvironmentMismatch, UsageError

OBSERVATIONS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
BOX = spaces.Box(-1.0, 1.0, (4,))


def leaning(observations: np.ndarray) -> np.ndarray:
    """Pushes to where the pole falls."""
    lean = observations[:, 2] + 0.5 * observations[:, 3]
    observations[:] = 0.0  # its own copy
    return np.stack([-lean, lean], 1)


class Leaning:
    """The same as an object."""

    def __call__(self, observations: np.ndarray) -> np.ndarray:
        return leaning(observations)


class Net(nn.Module):
    """The same with gradients."""

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        lean = observations[:, 2] + 0.5 * observations[:, 3]
        return torch.stack([-lean, lean], 1)


@pytest.mark.parametrize("thing", [leaning, Leaning, Leaning(), Net, Net()])
def test_scores_are_those_of_the_code_and_only_modules_have_gradients(thing):
    observations = OBSERVATIONS.clone()
    policy = from_callable(thing)
    scores, memory = policy.scores(observations)
    assert memory == () and scores.dtype == torch.float32
    np.testing.assert_allclose(scores.numpy(), leaning(OBSERVATIONS.numpy().copy()), rtol=1e-6)
    assert torch.equal(observations, OBSERVATIONS)
    assert policy.differentiable == (thing is Net or isinstance(thing, Net))
    fitted = policy.fitted_to(BOX, spaces.Discrete(2), "it")
    assert (fitted.outputs, fitted.meaning) == (2, "logits")


def test_a_function_is_analyzed_like_any_policy():
    chosen = configured(["returns", "saliency"])
    report = analyze(from_callable(leaning), "CartPole-v1", analyzers=chosen, episodes=3)
    assert report.measure("returns.clean.mean").estimate.value == 500.0
    explained = report.entries["saliency"].result
    assert explained.method in {"occlusion", "sarfa"}
    assert "gradients" in dict(explained.faithfulness.skipped)["gradient"]
    assert report.checkpoint.file == "test_callables:leaning"
    learned = analyze(from_callable(Net()), "CartPole-v1", analyzers=chosen, episodes=3)
    assert learned.measure("returns.clean.mean").estimate.value == 500.0
    assert learned.measure("saliency.importance[feature=pole_angle]").estimate.value > 0


def test_its_digest_is_of_its_source(examples):
    content = Path(__file__).read_bytes()
    for thing in (leaning, Leaning(), Net):
        checkpoint = from_callable(thing).checkpoint
        assert checkpoint.digest == hashlib.sha256(content).hexdigest()
        assert "The digest is of test_callables.py alone" in checkpoint.notices[0]
    assert from_callable(len, "builtins:len").checkpoint.digest == ""


def test_a_normaliser_stands_before_the_code(tmp_path):
    wrapper = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    wrapper.obs_rms.mean, wrapper.obs_rms.var = np.arange(4.0), np.full(4, 4.0)
    wrapper.save(str(tmp_path / "vecnormalize.pkl"))
    policy = from_callable(leaning, normalisation=tmp_path / "vecnormalize.pkl")
    expected = leaning(wrapper.normalize_obs(OBSERVATIONS.numpy().copy()))
    np.testing.assert_allclose(policy.scores(OBSERVATIONS)[0], expected, rtol=1e-5)


ANSWERS = {
    "actions": (lambda seen: np.zeros(len(seen), int), r"an array of shape \(3,\) and type int64"),
    "one row": (lambda seen: np.zeros((1, 2)), r"3 observations with an array of shape \(1, 2\)"),
    "text": (lambda seen: [["a", "b"]] * len(seen), "and type <U1, not with a row of scores"),
    "nothing": (lambda seen: None, "type object"),
    "an error": (lambda seen: {}["key"], "KeyError: 'key'"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_table_of_scores_is_a_sentence(name):
    function, words = ANSWERS[name]
    with pytest.raises(EnvironmentMismatch, match=words):
        from_callable(function).fitted_to(BOX, spaces.Discrete(2), "it")


def test_a_function_that_counts_its_calls_is_refused():
    calls = []

    def counting(observations: np.ndarray) -> np.ndarray:
        calls.append(len(observations))
        return np.full((len(observations), 2), len(calls))

    with pytest.raises(EnvironmentMismatch, match="answers differently when asked twice"):
        from_callable(counting).fitted_to(BOX, spaces.Discrete(2), "it")


def test_what_cannot_be_called_is_a_sentence():
    with pytest.raises(UsageError, match="mine:number is a int, neither a function nor a module"):
        from_callable(3, "mine:number")
