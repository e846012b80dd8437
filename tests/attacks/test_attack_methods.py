"""What holds of every attack, and what is known in closed form."""

import dataclasses

import pytest
import torch
from gymnasium import spaces
from handmade import linear, policy
from policyscope_attacks.attack import Attack
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.methods.fgsm import Fgsm
from policyscope_attacks.methods.mad import Mad
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.methods.random_search import RandomSearch
from policyscope_attacks.methods.sign_noise import SignNoise
from policyscope_attacks.objectives import aimed, clean_scores, difference, margin
from scenes import ATTACKS, SPACES, scene, small

from policyscope.errors import UsageError

UNITS = torch.tensor([0.5, 2.0, 1.0, 0.0])
every_attack = pytest.mark.parametrize("name", ATTACKS)
every_norm = pytest.mark.parametrize("norm", NORMS)
every_space = pytest.mark.parametrize("kind", SPACES)

WEIGHT = [[1.0, -2.0, 0.5, 4.0], [0.0, 1.0, 1.0, -1.0], [-1.0, 0.5, 0.3, 2.0]]


def thinker(norm="linf", size=0.1):
    """A linear policy among three actions, and its budget."""
    return policy(linear(WEIGHT), 4, spaces.Discrete(3)), Budget(size, UNITS, norm)


def best_margin(chosen: int, clean, norm: str, size: float) -> float:
    """The closed form: max over other actions of the margin plus the dual norm of the slope."""
    found = []
    for other in range(3):
        if other != chosen:
            slope = (torch.tensor(WEIGHT[other]) - torch.tensor(WEIGHT[chosen])) * UNITS
            dual = slope.abs().sum() if norm == "linf" else slope.norm()
            found.append(float(clean[other] - clean[chosen] + size * dual))
    return max(found)


@every_attack
def test_it_is_an_attack(name):
    assert isinstance(ATTACKS[name], Attack)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ATTACKS[name].draws = 3  # pyright: ignore


@every_attack
@every_norm
@every_space
def test_it_proposes_what_is_within_its_budget(name, norm, kind):
    attack = ATTACKS[name]
    at = scene(small(kind), Budget(0.3, UNITS, norm), draws=attack.draws)
    delta = attack.delta(at)
    assert delta.shape == at.observations.shape
    assert (at.budget.length(delta) <= 0.3 * (1 + 1e-6)).all()
    assert (delta[:, 3] == 0).all()


@every_attack
@every_space
def test_rows_know_nothing_of_each_other(name, kind):
    attack = ATTACKS[name]
    at = scene(small(kind), Budget(0.3, UNITS), rows=6, draws=attack.draws)
    other = dataclasses.replace(
        at,
        observations=at.observations.clone().index_fill(0, torch.tensor([1, 4]), 0.0),
        sizes=at.sizes.clone().index_fill(0, torch.tensor([4]), 0.0),
    )
    same = torch.tensor([0, 2, 3, 5])
    assert torch.equal(attack.delta(at)[same], attack.delta(other)[same])


@every_attack
def test_the_policy_is_left_as_it_was(name):
    attacked = small("discrete")
    before = [p.clone() for p in attacked.network.parameters()]
    torch_state = torch.get_rng_state()
    ATTACKS[name].delta(scene(attacked, Budget(0.3, UNITS), draws=ATTACKS[name].draws))
    for one, two in zip(before, attacked.network.parameters(), strict=True):
        assert torch.equal(one, two)
        assert two.grad is None
    assert torch.equal(torch.get_rng_state(), torch_state)


@every_attack
def test_images_are_attacked_as_vectors_are(name):
    attack = ATTACKS[name]
    victim = small("discrete", inputs=3 * 4 * 5)
    victim = dataclasses.replace(victim, observation_shape=(3, 4, 5))
    at = scene(victim, Budget(0.5, torch.ones(3, 4, 5)), draws=attack.draws)
    delta = attack.delta(at)
    assert delta.shape == (5, 3, 4, 5)
    assert (at.budget.length(delta) <= 0.5 + 1e-6).all()


@every_norm
@pytest.mark.parametrize("size", [0.01, 0.1, 1.0])
def test_pgd_reaches_the_best_margin_of_a_linear_policy(norm, size):
    victim, budget = thinker(norm, size)
    at = scene(victim, budget, rows=64, draws=3)
    clean = clean_scores(at)
    chosen = clean.argmax(1)
    objective = margin(victim, clean)
    found = objective(at.scores(Pgd(steps=8, restarts=3).delta(at)))
    best = torch.tensor(
        [best_margin(int(c), row, norm, size) for c, row in zip(chosen, clean, strict=True)]
    )
    # what flips is enough, what cannot is the best there is
    assert (found.sign() == best.sign()).all()
    sure = best < 0
    assert sure.any() or size > 0.5
    torch.testing.assert_close(found[sure], best[sure], atol=1e-4, rtol=1e-3)


@every_norm
def test_fgsm_is_the_best_there_is_between_two_actions(norm):
    victim = policy(linear(WEIGHT[:2]), 4, spaces.Discrete(2))
    at = scene(victim, Budget(0.05, UNITS, norm), rows=32)
    clean = clean_scores(at)
    found = margin(victim, clean)(at.scores(Fgsm().delta(at)))
    slope = (torch.tensor(WEIGHT[0]) - torch.tensor(WEIGHT[1])) * UNITS
    dual = slope.abs().sum() if norm == "linf" else slope.norm()
    best = -(clean[:, 0] - clean[:, 1]).abs() + 0.05 * dual
    torch.testing.assert_close(found, best, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("attack", [Mad(steps=10), Pgd(steps=10)])
def test_the_largest_change_of_a_linear_mean_is_its_largest_singular_value(attack):
    victim = policy(linear(WEIGHT), 4, spaces.Box(-1, 1, (3,)))
    at = scene(victim, Budget(0.2, UNITS, "l2"), rows=16, draws=attack.draws)
    moved = at.scores(attack.delta(at)) - clean_scores(at)
    largest = torch.linalg.matrix_norm(torch.tensor(WEIGHT) * UNITS, 2)
    torch.testing.assert_close(moved.norm(dim=1), (0.2 * largest).expand(16), atol=1e-4, rtol=5e-3)


def test_attacks_are_stronger_than_noise_of_the_same_size():
    victim = small("discrete")
    budget = Budget(0.2, UNITS)

    def flips(attack):
        at = scene(victim, budget, rows=400, draws=attack.draws)
        return int((margin(victim, clean_scores(at))(at.scores(attack.delta(at))) > 0).sum())

    noise = flips(SignNoise())
    assert flips(Pgd()) >= flips(Fgsm()) > 1.5 * noise
    assert flips(RandomSearch()) > 1.5 * noise


def test_mad_raises_the_divergence_more_than_pgd_on_the_margin():
    victim = small("discrete")
    at = scene(victim, Budget(0.2, UNITS), rows=100, draws=2)
    divergence = difference(victim, clean_scores(at))

    def reached(attack):
        return float(divergence(at.scores(attack.delta(at))).mean())

    assert reached(Mad()) > reached(Pgd()) > 0


@pytest.mark.parametrize("attack", [Fgsm, Pgd, RandomSearch])
@pytest.mark.parametrize(
    ("kind", "action"),
    [("discrete", (2,)), ("multi_discrete", (1, 2)), ("continuous", (2.0, -1.0))],
)
def test_an_action_can_be_forced(attack, kind, action):
    victim = small(kind)
    method = attack(action=action)
    at = scene(victim, Budget(0.5, UNITS), rows=100, draws=method.draws)
    nearness = aimed(at, action)
    before, after = (nearness(at.scores(d)) for d in (0 * at.observations, method.delta(at)))
    assert after.mean() > before.mean()
    if kind != "continuous":
        taken = victim.actions(at.scores(method.delta(at))).reshape(100, -1)
        assert ((taken == action).all(1) == (after > 0).numpy()).all()
        assert (after > 0).sum() > (before > 0).sum()


@pytest.mark.parametrize(
    ("kind", "action"), [("discrete", (3,)), ("discrete", (0, 1)), ("multi_discrete", (-1, 0))]
)
def test_an_action_that_there_is_not_is_refused(kind, action):
    with pytest.raises(UsageError, match="action"):
        Fgsm(action).delta(scene(small(kind), Budget(0.5, UNITS)))
