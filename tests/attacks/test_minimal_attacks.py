"""Attacks that look for the shortest change: closed forms, and foolbox's values where it is."""

import dataclasses

import numpy as np
import pytest
import torch
from gymnasium import spaces
from handmade import linear, policy
from policyscope_attacks.boundaries import CANDIDATES, Boundaries, Rivals
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.methods.carlini_wagner import CarliniWagner
from policyscope_attacks.methods.deepfool import DeepFool
from policyscope_attacks.methods.elastic_net import ElasticNet
from policyscope_attacks.methods.nesterov import Nesterov
from policyscope_attacks.objectives import MOVED, clean_scores, crossing, margin
from scenes import scene, small

UNITS = torch.tensor([0.5, 2.0, 1.0, 0.0])
WEIGHT = torch.tensor([[1.0, -2.0, 0.5, 4.0], [0.0, 1.0, 1.0, -1.0], [-1.0, 0.5, 0.3, 2.0]])
DUAL = {"l2": 2, "linf": 1, "l1": np.inf}
MINIMAL = {
    "deepfool": DeepFool(),
    "carlini_wagner": CarliniWagner(),
    "elastic_net": ElasticNet(),
}
every_minimal = pytest.mark.parametrize("name", MINIMAL)


def wide(attacked, norm="l2", rows=64, size=100.0):
    """A scene whose budget cuts nothing."""
    return scene(attacked, Budget(size, UNITS, norm), rows=rows)


def thinker(actions=3):
    return policy(linear(WEIGHT[:actions].tolist()), 4, spaces.Discrete(actions))


def shares(delta):
    """In units of each feature; the last must not be moved."""
    assert (delta[:, 3] == 0).all()
    return (delta[:, :3] / UNITS[:3]).double()


def exact(at, norm):
    """The closed form for a linear policy: the distance to the nearest boundary."""
    scores = clean_scores(at)
    chosen = scores.argmax(1, keepdim=True)
    slopes = (WEIGHT[: scores.shape[1]][None] - WEIGHT[chosen]) * UNITS
    dual = torch.linalg.vector_norm(slopes, DUAL[norm], dim=2)
    distances = (scores.gather(1, chosen) - scores) / dual
    return distances.scatter(1, chosen, torch.inf).amin(1).double()


def flipped(at, delta):
    return margin(at.policy, clean_scores(at))(at.scores(delta)) > 0


@pytest.mark.parametrize("norm", NORMS)
def test_deepfool_goes_the_exact_distance_to_the_nearest_boundary_and_a_little_beyond(norm):
    at = wide(thinker(), norm)
    delta = DeepFool(overshoot=0.05).delta(at)
    assert flipped(at, delta).all()
    torch.testing.assert_close(at.budget.length(delta), 1.05 * exact(at, norm), rtol=1e-4, atol=0)


def test_carlini_wagner_converges_to_the_exact_distance():
    at = wide(thinker())
    apart = []
    for steps in (10, 100):
        delta = CarliniWagner(steps, 5).delta(at)
        assert flipped(at, delta).all()
        ratio = shares(delta).norm(dim=1) / exact(at, "l2")
        assert ratio.min() > 1 - 1e-5
        apart.append(float(ratio.max() - 1))
    assert apart[1] < 1e-3 < apart[0] < 0.03


def test_the_elastic_net_moves_few_features_and_the_more_its_beta_weighs_the_fewer():
    at = wide(thinker(2))
    least = exact(at, "l1")
    features, lengths = [], []
    for beta in (0.0, 1.0, 10.0):
        delta = ElasticNet(100, 9, beta).delta(at)
        assert flipped(at, delta).all()
        moved = shares(delta)
        assert (moved.abs().sum(1) / least).min() > 1 - 1e-5
        features.append(float((moved != 0).sum(1).double().mean()))
        lengths.append(float((moved.abs().sum(1) / least).median()))
    assert features[0] == 3 and features[2] < 1.2
    assert lengths[0] > 1.1 > 1.02 > lengths[2]
    # without the first norm it is Carlini-Wagner's
    plain = shares(ElasticNet(100, 9, 0.0).delta(at)).norm(dim=1)
    torch.testing.assert_close(plain, exact(at, "l2"), rtol=1e-2, atol=0)


@every_minimal
def test_a_flip_of_a_curved_policy_is_found_and_is_shorter_than_what_the_budget_allows(name):
    at = wide(small("discrete"), rows=200, size=1.0)
    delta = MINIMAL[name].delta(at)
    found = flipped(at, delta)
    assert found.sum() > 100
    assert shares(delta)[found].norm(dim=1).median() < 0.7


@every_minimal
def test_it_is_the_same_attack_in_other_units_of_the_scores(name):
    at = wide(small("discrete"), rows=20)
    network = at.policy.network.body
    louder = torch.nn.Sequential(*network, _Times(1024.0))
    other = dataclasses.replace(at, policy=policy(louder, 4, spaces.Discrete(3)))
    torch.testing.assert_close(MINIMAL[name].delta(at), MINIMAL[name].delta(other))


class _Times(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


@every_minimal
def test_what_is_out_of_range_is_never_shown(name):
    low, high = -torch.ones(4), torch.ones(4)
    budget = Budget(100.0, UNITS, "l2", low=low, high=high)
    at = dataclasses.replace(scene(small("discrete"), budget, rows=50))
    at = dataclasses.replace(at, observations=at.observations.clamp(-1, 1))
    delta = MINIMAL[name].delta(at)
    assert ((at.observations + delta).abs() <= 1).all()
    assert flipped(at, delta).sum() > 5


@every_minimal
@pytest.mark.parametrize("kind", ["multi_discrete", "continuous"])
def test_any_group_will_do_and_a_continuous_action_that_has_moved(name, kind):
    at = wide(small(kind), rows=60)
    attack = MINIMAL[name]
    beyond = crossing(at.policy, clean_scores(at))(at.scores(attack.delta(at))) > 0
    assert beyond.float().mean() > 0.8
    before, after = (
        at.policy.actions(at.scores(d)) for d in (0 * at.observations, attack.delta(at))
    )
    if kind == "multi_discrete":
        assert ((before != after).any(1) == beyond.numpy()).all()
    else:
        scores = at.scores(attack.delta(at)) - clean_scores(at)
        assert ((scores.norm(dim=1) / 1.5 > MOVED) == beyond).all()  # half of [-1, 2]


def test_tangents_are_of_the_nearest_choices_of_all_groups():
    many = policy(linear(np.random.default_rng(0).standard_normal((30, 4))), 4, spaces.Discrete(30))
    at = wide(many)
    clean = clean_scores(at)
    rivals = Rivals.of(many, clean)
    assert rivals.other.shape == (64, CANDIDATES)
    order = clean.argsort(dim=1, descending=True)
    assert torch.equal(rivals.own, order[:, :1].expand(-1, CANDIDATES))
    assert torch.equal(rivals.other, order[:, 1 : 1 + CANDIDATES])
    groups = Rivals.of(small("multi_discrete"), clean_scores(wide(small("multi_discrete"))))
    assert groups.other.shape == (64, 3)  # one of two, and two of three
    assert ((groups.own < 2) == (groups.other < 2)).all()
    tangents = Boundaries.at(at, torch.zeros_like(at.observations), rivals)
    values, gradients = tangents.values[0], tangents.gradients[0]
    weight = many.network.body.weight
    torch.testing.assert_close(values, clean[0, rivals.other[0]] - clean[0, rivals.own[0]])
    torch.testing.assert_close(gradients, weight[rivals.other[0]] - weight[rivals.own[0]])


@pytest.mark.parametrize("norm", NORMS)
def test_momentum_finds_about_as_many_flips_as_there_are_between_two_actions(norm):
    at = scene(thinker(2), Budget(0.3, UNITS, norm), rows=200)
    reachable = exact(at, norm) < 0.3
    assert torch.equal(flipped(at, Nesterov().delta(at)), reachable)


def test_momentum_is_gathered_ahead_of_where_it_is():
    walked = []

    class Bent(torch.nn.Module):
        """The other action's lead rises up to 0.6, and falls behind it."""

        def forward(self, x):
            walked.append(float(x[0, 0].detach()))
            rise = -10 - (x[:, 0] - 0.6).abs()
            return torch.stack([0 * rise, rise], 1)

    attacked = policy(Bent(), 4, spaces.Discrete(2))
    at = scene(attacked, Budget(1.0, torch.ones(4)), rows=1)
    at = dataclasses.replace(at, observations=torch.zeros(1, 4))
    walked.clear()
    delta = Nesterov(steps=4, momentum=1.0).delta(at)
    # by hand, after the true observation: where a gradient is taken, and where a step leads to;
    # g is 1, 2, then 1 and 0, as the slopes ahead are against it
    expected = [0, 0.25, 0.25 + 1 / 4, 0.5, 0.5 + 2 / 4, 0.75, 0.75 + 1 / 4, 0.75]
    np.testing.assert_allclose(walked[1:], expected, atol=1e-6)
    assert delta[0, 0] == 0.5  # the highest that was seen


foolbox_attacks = pytest.mark.parametrize(
    ("ours", "norm", "theirs", "settings"),
    [
        (DeepFool(), "l2", "L2DeepFoolAttack", {}),
        (DeepFool(), "linf", "LinfDeepFoolAttack", {}),
        (
            CarliniWagner(50, 5),
            "l2",
            "L2CarliniWagnerAttack",
            {"steps": 300, "stepsize": 1e-4, "initial_const": 1.0},
        ),
    ],
)


@foolbox_attacks
def test_distances_agree_with_foolboxs(ours, norm, theirs, settings):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is installed for benchmarks only")
    at = scene(small("discrete"), Budget(100.0, torch.ones(4), norm), rows=100)
    delta = ours.delta(at)
    model = foolbox.PyTorchModel(at.policy.network.body, bounds=(-100, 100), device="cpu")
    actions = clean_scores(at).argmax(1)
    attack = getattr(foolbox.attacks, theirs)(**settings)
    shown, _, success = attack(model, at.observations, actions, epsilons=None)
    found = flipped(at, delta) & success
    assert found.sum() >= 95
    ratio = at.budget.length(delta)[found] / at.budget.length(shown - at.observations)[found]
    assert float(ratio.median()) == pytest.approx(1, abs=0.02)
    assert float(ratio.quantile(0.95)) < 1.05
