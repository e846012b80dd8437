"""Files of CleanRL's agents, named as CleanRL names them, need nothing besides."""

from argparse import Namespace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional

from policyscope.errors import ActivationUnknown, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load
from policyscope.policies.policy import Scores

ROWS = 3 * torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
FRAMES = torch.randint(0, 256, (5, 4, 84, 84), generator=torch.Generator().manual_seed(0)).byte()


def hidden(inputs, outputs, activation=nn.Tanh, width=16):
    return nn.Sequential(
        nn.Linear(inputs, width),
        activation(),
        nn.Linear(width, width),
        activation(),
        nn.Linear(width, outputs),
    )


def nature(*last):
    """The convolutions of every Atari agent, and what follows them."""
    return nn.Sequential(
        nn.Conv2d(4, 8, 8, stride=4),
        nn.ReLU(),
        nn.Conv2d(8, 8, 4, stride=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 7 * 7, 32),
        nn.ReLU(),
        *last,
    )


class Ppo(nn.Module):
    """ppo.py"""

    def __init__(self) -> None:
        super().__init__()
        self.critic = hidden(4, 1)
        self.actor = hidden(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.actor(x)


class ContinuousPpo(nn.Module):
    """ppo_continuous_action.py"""

    def __init__(self) -> None:
        super().__init__()
        self.critic = hidden(4, 1)
        self.actor_mean = hidden(4, 2)
        self.actor_logstd = nn.Parameter(torch.full((1, 2), -0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.actor_mean(x)


class AtariPpo(nn.Module):
    """ppo_atari.py"""

    def __init__(self) -> None:
        super().__init__()
        self.network = nature()
        self.actor = nn.Linear(32, 6)
        self.critic = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.actor(self.network(x / 255.0))


class Dqn(nn.Module):
    """dqn.py"""

    def __init__(self) -> None:
        super().__init__()
        self.network = hidden(4, 3, nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


class AtariDqn(nn.Module):
    """dqn_atari.py"""

    def __init__(self) -> None:
        super().__init__()
        self.network = nature(nn.Linear(32, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x / 255.0)


class C51(nn.Module):
    """c51.py and c51_atari.py"""

    def __init__(self, actions=3, atoms=11, atari=False) -> None:
        super().__init__()
        self.register_buffer("atoms", torch.linspace(-10, 30, steps=atoms))
        self.n, self.n_atoms, self.atari = actions, atoms, atari
        last = nn.Linear(32, actions * atoms)
        self.network = nature(last) if atari else hidden(4, actions * atoms, nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.network(x / 255.0 if self.atari else x)
        pmfs = torch.softmax(logits.view(len(x), self.n, self.n_atoms), dim=2)
        return (pmfs * self.atoms).sum(2)


class Deterministic(nn.Module):
    """The actor of ddpg_continuous_action.py and td3_continuous_action.py"""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 16), nn.Linear(16, 16)
        self.fc_mu = nn.Linear(16, 2)
        self.register_buffer("action_scale", torch.tensor([2.0, 0.5]))
        self.register_buffer("action_bias", torch.tensor([1.0, -3.0]))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.fc2(functional.relu(self.fc1(x))))
        return torch.tanh(self.fc_mu(x)) * self.action_scale + self.action_bias


class Sac(nn.Module):
    """The actor of sac_continuous_action.py"""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 16), nn.Linear(16, 16)
        self.fc_mean, self.fc_logstd = nn.Linear(16, 2), nn.Linear(16, 2)
        self.register_buffer("action_scale", torch.tensor([[2.0, 0.5]]))
        self.register_buffer("action_bias", torch.tensor([[1.0, -3.0]]))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.fc2(functional.relu(self.fc1(x))))
        return torch.tanh(self.fc_mean(x)) * self.action_scale + self.action_bias


class Critic(nn.Module):
    """The critics of all three"""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 1)


def bare(agent):
    return agent.state_dict()


def beside_critics(number):
    return lambda agent: tuple(m.state_dict() for m in (agent, *(Critic() for _ in range(number))))


def with_arguments(agent):
    arguments = {"exp_name": "c51", "v_min": -10, "v_max": 30.0, "n_atoms": 11}
    return {"model_weights": agent.state_dict(), "args": arguments}


def without_the_atoms(agent):
    content = with_arguments(agent)
    del content["model_weights"]["atoms"]
    return content


def of_argparse(agent):
    content = without_the_atoms(agent)
    return {**content, "args": Namespace(**content["args"])}


AGENTS = {
    "PPO": (Ppo, bare, ROWS, None, "Tanh by CleanRL's names (actor and critic)"),
    "PPO, continuous": (
        ContinuousPpo, bare, ROWS, Scores.MEAN_ACTION, "(actor_mean and actor_logstd)",
    ),
    "PPO of images": (AtariPpo, bare, FRAMES, None, "(network)"),
    "DQN": (Dqn, bare, ROWS, Scores.Q_VALUES, "ReLU by CleanRL's names (network)"),
    "DQN of images": (AtariDqn, bare, FRAMES, Scores.Q_VALUES, "(network)"),
    "C51": (C51, with_arguments, ROWS, Scores.Q_VALUES, "(atoms and network)"),
    "C51, bare": (C51, bare, ROWS, Scores.Q_VALUES, "(atoms and network)"),
    "C51, atoms by their arguments": (
        C51, without_the_atoms, ROWS, Scores.Q_VALUES, "(network)",
    ),
    "C51, arguments of argparse": (C51, of_argparse, ROWS, Scores.Q_VALUES, "(network)"),
    "C51 of images": (
        lambda: C51(6, 11, True), with_arguments, FRAMES, Scores.Q_VALUES, "(atoms and network)",
    ),
    "DDPG": (Deterministic, beside_critics(1), ROWS, Scores.MEAN_ACTION, "scale and fc_mu)"),
    "TD3": (Deterministic, beside_critics(2), ROWS, Scores.MEAN_ACTION, "scale and fc_mu)"),
    "SAC": (Sac, beside_critics(2), ROWS, Scores.MEAN_ACTION, "scale and fc_mean)"),
    "SAC, bare": (Sac, bare, ROWS, Scores.MEAN_ACTION, "scale and fc_mean)"),
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "agent.cleanrl_model"


def built(make):
    """An agent with weights that do not fade."""
    generator = torch.Generator().manual_seed(5)
    agent = make()
    with torch.no_grad():
        for parameter in agent.parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 8
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 1.6 / fan**0.5)
    return agent.eval()


@pytest.mark.parametrize("name", AGENTS)
def test_agents_compute_what_cleanrl_s_code_computes(name, path):
    make, content, observations, meaning, because = AGENTS[name]
    agent = built(make)
    torch.save(content(agent), path)
    policy = load(path)
    expected = agent(observations).detach()
    scores = policy.scores(observations)[0]
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-5)
    assert len(np.unique(scores.argmax(1))) > 1 or scores.shape[1] == 2
    assert policy.outputs == expected.shape[1]
    assert policy.meaning is meaning
    assert policy.observation_shape == observations.shape[1:]
    assert policy.checkpoint.unknown[0].startswith("activation, taken as ")
    assert because in policy.checkpoint.unknown[0]


def test_actions_fit_their_environment(path):
    agent = built(C51)
    torch.save(with_arguments(agent), path)
    policy = load(path).fitted_to(spaces.Box(-9, 9, (4,)), spaces.Discrete(3), "it")
    chosen = policy.actions(policy.scores(ROWS)[0])
    np.testing.assert_array_equal(chosen, agent(ROWS).argmax(1))


def test_the_spread_of_continuous_ppo_is_read_and_its_lost_normaliser_is_named(path):
    torch.save(built(ContinuousPpo).state_dict(), path)
    policy = load(path)
    assert policy.spread is not None and policy.spread.shape == (2,)
    assert "saves no statistics" in policy.checkpoint.notices[0]


@pytest.mark.parametrize("agent", [Ppo, Dqn, AtariPpo, AtariDqn])
def test_names_that_others_give_too_are_not_cleanrl_s_without_its_ending(agent, tmp_path):
    torch.save(agent().state_dict(), tmp_path / "agent.pt")
    with pytest.raises(ActivationUnknown, match="--activation"):
        load(tmp_path / "agent.pt")


@pytest.mark.parametrize("agent", [ContinuousPpo, C51, Deterministic, Sac])
def test_unmistakable_names_need_no_ending(agent, tmp_path):
    torch.save(agent().state_dict(), tmp_path / "agent.pt")
    assert "CleanRL" in load(tmp_path / "agent.pt").checkpoint.unknown[0]


def test_a_given_activation_overrules_cleanrl_s(path):
    agent = built(Dqn)
    torch.save(agent.state_dict(), path)
    policy = load(path, activation="tanh")
    tanh = [nn.Tanh() if isinstance(m, nn.ReLU) else m for m in agent.network]
    torch.testing.assert_close(policy.scores(ROWS)[0], nn.Sequential(*tanh)(ROWS))
    assert not any("CleanRL" in unknown for unknown in policy.checkpoint.unknown)


def test_several_networks_without_an_actor_are_refused(path):
    torch.save(tuple(Critic().state_dict() for _ in range(2)), path)
    with pytest.raises(UnsupportedCheckpoint, match="holds a tuple, not a state dict"):
        load(path)


@pytest.mark.parametrize(
    "atoms", [torch.zeros(0), torch.linspace(0, 1, 7), torch.full((11,), torch.nan)]
)
def test_atoms_that_do_not_fit_are_refused(atoms, path):
    torch.save({**built(C51).state_dict(), "atoms": atoms}, path)
    with pytest.raises(DamagedCheckpoint, match="atoms, which do not divide the 33 outputs"):
        load(path)


@pytest.mark.parametrize("number", [0, -3, 2**40, 7, "eleven", None, float("nan")])
def test_arguments_that_say_nothing_useful_are_no_atoms(number, path):
    content = without_the_atoms(built(C51))
    content["args"]["n_atoms"] = number
    torch.save(content, path)
    if number == 7:
        with pytest.raises(DamagedCheckpoint, match="7 atoms"):
            load(path)
    else:
        assert load(path).outputs == 33


@pytest.mark.parametrize("name", ["v_min", "v_max"])
@pytest.mark.parametrize("value", [10**400, -(2**64), 1e300, float("inf"), float("nan")])
def test_returns_beyond_all_numbers_are_no_atoms(name, value, path):
    content = without_the_atoms(built(C51))
    content["args"][name] = value
    torch.save(content, path)
    assert load(path).outputs == 33
