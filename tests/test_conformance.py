"""Promises that every registered analyzer keeps, ours or a stranger's."""

import dataclasses
import functools
import re
import typing

import numpy as np
import pytest
import torch

from policyscope import registry
from policyscope.analyzers import catalogue
from policyscope.analyzers.subject import Analyzer, Need, Subject
from policyscope.errors import EnvironmentMismatch
from policyscope.policies.loading import load
from policyscope.reports.results import NotApplicable, Result
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.recording import Recording

ANALYZERS = sorted(registry.everything(registry.ANALYZERS)[0].items())
every_analyzer = pytest.mark.parametrize(
    "kind", [k for _, k in ANALYZERS], ids=[n for n, _ in ANALYZERS]
)


@pytest.fixture(scope="module")
def subject(examples):
    cartpole = Environment("CartPole-v1", {"max_episode_steps": 100})
    return Subject.observed(load(examples / "cartpole_ppo.zip"), cartpole, episodes=5, seed=0)


@pytest.fixture(scope="module")
def recorded(subject):
    """The same policy, shown the same observations as a recording."""
    visited = subject.visited
    return Subject.recorded(subject.policy, Recording(visited.observations, visited.lengths), 0)


@pytest.fixture(scope="module")
def answered(subject):
    """What each analyzer answers, computed once."""
    return functools.cache(lambda kind: kind().run(subject, np.random.default_rng(5)))


def fingerprint(value) -> list:
    """Everything inside a result, comparable."""
    if dataclasses.is_dataclass(value):
        return [fingerprint(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tobytes()]
    if isinstance(value, tuple):
        return [fingerprint(item) for item in value]
    return [value]


@every_analyzer
def test_it_is_an_analyzer_with_defaults(kind):
    analyzer = kind()
    assert isinstance(analyzer, Analyzer)
    assert all(isinstance(need, Need) for need in analyzer.needs)


@every_analyzer
def test_its_parameters_are_frozen_and_plain(kind):
    fields = dataclasses.fields(kind)
    assert kind.__dataclass_params__.frozen
    for field in fields:
        assert isinstance(getattr(kind(), field.name), int | float | str | bool | tuple)
    assert len(catalogue.parameters(kind)) == len(fields)
    assert all(parameter.meaning for parameter in catalogue.parameters(kind))


@every_analyzer
def test_it_answers_with_a_known_type_of_result(kind):
    answer = typing.get_type_hints(kind.run)["return"]
    assert set(typing.get_args(answer) or (answer,)) <= set(typing.get_args(Result))
    assert catalogue.measures(kind)


@every_analyzer
def test_its_file_names_its_source(kind):
    import sys

    if kind.__module__.startswith("policyscope"):
        opening = sys.modules[kind.__module__].__doc__ or ""
        assert re.search(r"https?://", opening) or "stranger" in opening


@every_analyzer
def test_the_same_generator_gives_the_same_answer_and_touches_nothing_else(kind, subject, answered):
    before = subject.rollouts.observations.copy()
    weights = [p.clone() for p in subject.policy.network.parameters()]
    global_numpy = np.random.get_state()[1].copy()  # noqa: NPY002  the global state is watched
    global_torch = torch.get_rng_state().clone()
    threads = torch.get_num_threads()
    again = kind().run(subject, np.random.default_rng(5))
    assert fingerprint(again) == fingerprint(answered(kind))
    np.testing.assert_array_equal(subject.rollouts.observations, before)
    for ours, theirs in zip(weights, subject.policy.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    np.testing.assert_array_equal(np.random.get_state()[1], global_numpy)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), global_torch)
    assert torch.get_num_threads() == threads


@every_analyzer
def test_its_measures_are_those_that_it_documents(kind, answered):
    result = answered(kind)
    if isinstance(result, NotApplicable):
        assert "CartPole-v1" in result.reason  # where there is nothing of what it asks about
        return
    patterns = [
        re.escape(name.partition("[")[0]).replace(r"\{arm\}", r"\w+")
        for name in catalogue.measures(kind)
    ]
    measures = list(result.measures())
    assert measures
    for measure in measures:
        assert any(re.fullmatch(pattern, measure.name) for pattern in patterns), measure.name


@every_analyzer
def test_without_an_environment_it_answers_or_says_that_it_needs_one(kind, recorded):
    before = recorded.visited.observations.copy()
    if Need.ENVIRONMENT in kind.needs:
        with pytest.raises(EnvironmentMismatch, match="needs an environment to play in"):
            kind().run(recorded, np.random.default_rng(0))
    else:
        first, second = (kind().run(recorded, np.random.default_rng(5)) for _ in range(2))
        assert list(first.measures())
        assert fingerprint(first) == fingerprint(second)
    np.testing.assert_array_equal(recorded.visited.observations, before)
