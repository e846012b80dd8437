from dataclasses import dataclass, replace

import handmade
import numpy as np
import pytest
import torch
from gymnasium import spaces

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.scoring import SCORES, scored
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.sampling import compared, glimpsed

RNG = np.random.default_rng(11)
WEIGHT = np.array([[5.0, 2.0, 1.0, 0.4, 0.0, 0.0]])
STATES = RNG.normal(size=(300, 6)).astype(np.float32)


@dataclass(frozen=True)
class Wrong:
    """A broken method: what counts least is called most important."""

    def obstacle(self, glimpses):
        del glimpses

    def attribute(self, glimpses, targets, reference):
        right = METHODS["integrated gradients"].attribute(glimpses, targets, reference)
        return 1 / (right.abs() + 1e-3)


def ranking(body=None, space=None):
    body = body or handmade.linear(np.vstack([WEIGHT, -WEIGHT]))
    policy = handmade.policy(body, 6, space or spaces.Discrete(2))
    subject = replace(handmade.subject(policy, STATES, [30] * 10), environment=None)
    glimpses = glimpsed(policy, subject.visited, np.arange(0, 300, 2), 1)
    reference = compared(policy, subject.visited, 1)
    averaging = Averaging(subject.visited, np.random.default_rng(0), 0.95)
    return scored(subject, glimpses, reference, averaging)


def test_what_is_true_beats_chance_and_what_is_broken_is_below_and_refused(monkeypatch):
    monkeypatch.setitem(METHODS, "broken", Wrong())
    found = ranking()
    assert found.methods[0] != "broken" and found.methods[-1] == "broken"
    assert found.believed and found.advantages[0].low > 0
    assert found.advantages[-1].high < 0
    assert found.refused[-1] == "its order is not surely better than chance"


def test_no_method_is_believed_where_all_are_broken(monkeypatch):
    for name in list(METHODS):
        monkeypatch.setitem(METHODS, name, Wrong() if name == "gradient" else Refusing())
    monkeypatch.delitem(METHODS, "integrated gradients")
    monkeypatch.setitem(METHODS, "gradient", Zero())
    found = ranking()
    assert found.methods == ("gradient",) and not found.believed
    assert dict(found.skipped)["occlusion"] == "on strike"


@dataclass(frozen=True)
class Refusing:
    """Explains nothing."""

    def obstacle(self, glimpses):
        del glimpses
        return "on strike"

    def attribute(self, glimpses, targets, reference):
        raise AssertionError


@dataclass(frozen=True)
class Zero:
    """Says that nothing counts: what stands last is inserted last."""

    def obstacle(self, glimpses):
        del glimpses

    def attribute(self, glimpses, targets, reference):
        maps = torch.arange(6.0).expand(len(glimpses), targets.shape[1], 6)
        return maps.clone()


def test_everything_is_scored_with_an_interval_over_episodes():
    found = ranking()
    named = {m.key: m.estimate for m in found.measures()}
    for method in (*found.methods, "random"):
        for score in ("insertion", "deletion"):
            estimate = named[f"faithfulness[method={method},score={score}]"]
            assert estimate.low <= estimate.value <= estimate.high and estimate.n == 10
    assert set(found.scores) == set(SCORES)
    assert len(found.insertion) == len(found.methods) + 1
    np.testing.assert_allclose(found.insertion[:, -1], 1)


def test_an_advantage_is_paired_with_chance_in_the_same_states():
    found = ranking()
    insertion, deletion = (SCORES.index(name) for name in ("insertion", "deletion"))
    mine = found.values[0][insertion].value - found.values[0][deletion].value
    chance = found.chance[insertion].value - found.chance[deletion].value
    assert found.advantages[0].value == pytest.approx(mine - chance)


def test_continuous_actions_are_ranked_alike():
    found = ranking(handmade.linear(0.1 * WEIGHT), spaces.Box(-1, 1, (1,)))
    assert found.believed
