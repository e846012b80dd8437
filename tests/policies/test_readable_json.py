import json

import numpy as np
import pytest
from gymnasium import spaces

from policyscope.errors import CheckpointError, EnvironmentMismatch
from policyscope.policies.loading import load
from policyscope.policies.policy import Scores
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.readable.storage import as_json
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

BALANCE = Readable(
    Equations.linear(np.array([[0, 0.0], [0, 0.2], [0, 3.0], [0, 1.0]]), np.zeros(2)),
    ("cart position (m)", "cart velocity (m/s)", "pole angle (rad)", "pole angular velocity"),
    ("push left", "push right"),
    groups=(2,),
    starts=(0,),
    environment="CartPole-v1",
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "surrogate.json"
    path.write_text(as_json(BALANCE), encoding="utf-8")
    return path


def test_a_file_is_loaded_and_plays(file):
    policy = load(file)
    assert policy.meaning is Scores.LOGITS
    assert policy.checkpoint.architecture == "linear, 3 coefficients"
    environment = Environment("CartPole-v1")
    fitted = policy.fitted_to(*environment.spaces(), environment.id)
    assert play(Greedy(fitted), environment, 3, seed=0).returns.tolist() == [500.0] * 3


def test_it_does_not_fit_elsewhere(file):
    box = spaces.Box(-1, 1, (3,))
    with pytest.raises(EnvironmentMismatch, match="shape"):
        load(file).fitted_to(box, spaces.Discrete(2), "Elsewhere-v0")


def _altered(change) -> str:
    content = json.loads(as_json(BALANCE))
    change(content["policy"])
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        as_json(BALANCE)[:-40],
        as_json(BALANCE).replace("3.0", "NaN"),
        as_json(BALANCE).replace("3.0", "1e999"),
        as_json(BALANCE).replace("3.0", '"3.0"'),
        as_json(BALANCE).replace("3.0", "[3.0]"),
        as_json(BALANCE).replace('"version": 1', '"version": 2'),
        _altered(lambda policy: policy.update(code="import os")),
        _altered(lambda policy: policy["form"].update(exponents=[[10**30] * 4])),
        _altered(lambda policy: policy["form"].update(exponents="0" * 4)),
        _altered(lambda policy: policy.update(form=[])),
        _altered(lambda policy: policy["form"].update(exponents=[[0, 0, 0, 0]])),
        _altered(lambda policy: policy.update(groups=None)),
        _altered(lambda policy: policy.update(features=BALANCE.features[:3])),
        '{"format": "policyscope readable policy", "version": 1, "policy": ' + "[" * 100_000,
    ],
)
def test_damage_is_told_in_one_sentence(tmp_path, text):
    path = tmp_path / "surrogate.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"surrogate\.json says that it is a readable policy"):
        load(path)


def test_other_json_is_not_taken_for_it(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"policy": "MlpPolicy"}')
    with pytest.raises(CheckpointError, match="a JSON text"):
        load(path)
