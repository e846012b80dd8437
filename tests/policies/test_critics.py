"""Critics that lie beside an actor are found by their names, and only where they fit."""

import pytest
import torch
from test_cleanrl import (
    C51,
    FRAMES,
    ROWS,
    AtariPpo,
    ContinuousPpo,
    Critic,
    Deterministic,
    Ppo,
    Sac,
    built,
    hidden,
)
from torch import Tensor, nn
from torch.nn.functional import elu, relu

from policyscope.policies.critics import estimates_values
from policyscope.policies.loading import load

MEMORY_ROWS = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "agent.cleanrl_model"


def saved(content, path, **hints):
    torch.save(content, path)
    return load(path, **hints)


def values(policy, observations) -> Tensor:
    found = policy.values(observations)
    assert found is not None and found.shape == (len(observations),)
    assert found.std() > 0.01
    return found


def close(found, expected):
    torch.testing.assert_close(found, expected.detach().flatten(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("critic.0.weight", True),
        ("critic_linear.bias", True),
        ("base.value_head.weight", True),
        ("vf.net.0", True),
        ("val_model.final", True),
        ("critics.1", True),
        ("critic_target.0", False),
        ("target_value.0", False),
        ("value_log_std", False),
        ("actor.0.weight", False),
        ("evaluate.0", False),
        ("q_model.0", False),
    ],
)
def test_a_critic_is_told_by_its_name(name, called):
    assert estimates_values(name) is called


@pytest.mark.parametrize("kind", [Ppo, ContinuousPpo])
def test_values_of_cleanrl_s_ppo_are_what_get_value_returns(kind, path):
    agent = built(kind)
    policy = saved(agent.state_dict(), path)
    close(values(policy, ROWS), agent.critic(ROWS))


def test_values_of_cleanrl_s_ppo_of_images_stand_behind_the_shared_convolutions(path):
    agent = built(AtariPpo)
    policy = saved(agent.state_dict(), path)
    close(values(policy, FRAMES), agent.critic(agent.network(FRAMES / 255.0)))


def judged(critic: Critic, rows: Tensor, actions: Tensor) -> Tensor:
    """QNetwork.forward of ddpg_, td3_ and sac_continuous_action.py"""
    x = torch.cat([rows, actions], 1)
    return critic.fc3(relu(critic.fc2(relu(critic.fc1(x)))))


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", [Deterministic, Sac])
def test_critics_of_actions_judge_what_the_actor_does(kind, number, path):
    actor, critics = built(kind), [built(Critic) for _ in range(number)]
    with torch.no_grad():
        for place, critic in enumerate(critics):
            critic.fc1.weight.mul_((-1) ** place)  # so that neither is always the least
    policy = saved(tuple(module.state_dict() for module in (actor, *critics)), path)
    answers = torch.cat([judged(critic, ROWS, actor(ROWS)) for critic in critics], 1)
    assert len(answers.argmin(1).unique()) == number
    close(values(policy, ROWS), answers.min(1).values)


def test_the_value_of_c51_is_its_largest_expectation(path):
    agent = built(C51)
    close(values(saved(agent.state_dict(), path), ROWS), agent(ROWS).max(1).values)


class Shared(nn.Module):
    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 12), nn.Tanh())
        self.policy = nn.Linear(12, 3)
        self.value = critic


@pytest.mark.parametrize("critic", [nn.Linear(12, 1), hidden(12, 1)], ids=["head", "layers"])
def test_a_critic_behind_shared_layers_takes_what_they_give(critic, path):
    agent = built(lambda: Shared(critic))
    policy = saved({"model_state_dict": agent.state_dict()}, path, activation="tanh")
    close(values(policy, ROWS), agent.value(agent.shared(ROWS)))


def test_a_critic_beside_shared_layers_takes_what_is_seen(path):
    agent = built(lambda: Shared(hidden(4, 1)))
    close(values(saved(agent.state_dict(), path, activation="tanh"), ROWS), agent.value(ROWS))


@pytest.mark.parametrize(
    ("actor", "critic"),
    [
        ("policy_model", "val_model"),
        ("actor", "critic"),
        ("actor_state_dict", "critic_state_dict"),
        ("policy_state_dict", "value_state_dict"),
    ],
)
def test_state_dicts_beside_one_another_are_actor_and_critic(actor, critic, path):
    first, second = built(lambda: hidden(4, 3)), built(lambda: hidden(4, 1))
    target = built(lambda: hidden(4, 1, width=9))
    content = {
        f"{critic}_target": target.state_dict(),
        critic: second.state_dict(),
        f"{critic}_optimizer": torch.optim.Adam(second.parameters()).state_dict(),
        actor: first.state_dict(),
    }
    policy = saved(content, path, activation="tanh")
    torch.testing.assert_close(policy.scores(ROWS)[0], first(ROWS).detach())
    close(values(policy, ROWS), second(ROWS))


class Remembering(nn.Module):
    """An agent as pytorch-a3c's, without convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(4, 6)
        self.gru = nn.GRUCell(6, 8)
        self.critic_linear = nn.Linear(8, 1)
        self.actor_linear = nn.Linear(8, 3)

    def forward(self, rows: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        hidden = self.gru(self.embedding(rows), hidden)
        return self.critic_linear(hidden), hidden


def test_a_critic_behind_the_memory_is_asked_with_what_is_remembered(path):
    agent, hidden = built(Remembering), None
    valuing = saved(agent.state_dict(), path).valuing()
    assert valuing is not None and valuing.memory_shapes == ((1, 8),)
    memory = valuing.initial_memory(5)
    for rows in MEMORY_ROWS:
        expected, hidden = agent(rows, hidden)
        found, memory = valuing.scores(rows, memory)
        torch.testing.assert_close(found, expected.detach())
        torch.testing.assert_close(memory[0][:, 0], hidden.detach())


class TwoMemories(nn.Module):
    """An agent as rsl_rl's: the critic remembers on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.actor = nn.Linear(8, 3)
        self.critic = nn.Linear(8, 1)
        self.memory_a = nn.LSTM(4, 8)
        self.memory_c = nn.LSTM(4, 8)


class AsWide(Remembering):
    """What is seen is as wide as what is remembered, so nobody knows what the critic takes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(8, 6)


@pytest.mark.parametrize("kind", [TwoMemories, AsWide])
def test_a_critic_that_may_stand_elsewhere_is_left_aside(kind, path):
    assert saved(built(kind).state_dict(), path).critic is None


class Base(nn.Module):
    def __init__(self, main: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.critic_linear = critic


class Whole(nn.Module):
    """A module as pytorch-a2c-ppo-acktr saves it."""

    def __init__(self, main: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.base = Base(main, critic)
        self.dist = nn.Linear(16, 3)


def seeing() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(4, 3, 8, 4), nn.ReLU(), nn.Flatten(), nn.Linear(1200, 16), nn.ReLU()
    )


def main() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 9), nn.ELU(), nn.Linear(9, 16), nn.ELU())


@pytest.mark.parametrize(
    ("critic", "shared"), [(nn.Linear(16, 1), True), (hidden(4, 1), False), (hidden(16, 1), True)]
)
def test_a_pickled_module_s_critic_is_rebuilt(critic, shared, path):
    agent = built(lambda: Whole(main(), critic))
    policy = saved(agent, path)
    expected = agent.base.critic_linear(agent.base.main(ROWS) if shared else ROWS)
    close(values(policy, ROWS), expected)
    torch.testing.assert_close(policy.scores(ROWS)[0], agent.dist(agent.base.main(ROWS)).detach())


def test_a_pickled_critic_stands_behind_the_convolutions_of_its_actor(path):
    agent = built(lambda: Whole(seeing(), nn.Linear(16, 1)))
    expected = agent.base.critic_linear(agent.base.main(FRAMES / 255))
    close(values(saved(agent, path), FRAMES), expected)


@pytest.mark.parametrize(
    "critic",
    [
        nn.Linear(16, 2),
        nn.Sequential(nn.Linear(16, 5), nn.ReLU(), nn.Linear(4, 1)),
        nn.Sequential(nn.Conv2d(4, 3, 8, 4), nn.Flatten(), nn.ReLU(), nn.Linear(16, 1)),
    ],
    ids=["two values", "no chain", "convolutions of its own"],
)
def test_a_critic_of_images_is_left_aside_before_it_is_asked(critic, path):
    assert saved(built(lambda: Whole(seeing(), critic)), path).critic is None


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
        self.value = nn.Linear(16, 1)


def test_a_pickled_critic_may_name_its_own_parts(path):
    agent = built(lambda: Whole(main(), Inner()))
    critic = agent.base.critic_linear
    close(values(saved(agent, path), ROWS), critic.value(critic.net(ROWS)))


@pytest.mark.parametrize(
    "critic",
    [
        nn.Linear(5, 1),
        nn.Linear(16, 2),
        nn.Sequential(nn.Linear(16, 4), nn.LayerNorm(4), nn.Linear(4, 1)),
        nn.Sequential(nn.Linear(16, 5), nn.Tanh(), nn.Linear(4, 1)),
        nn.Sequential(nn.Linear(16, 5), nn.Linear(5, 1)),  # whose activation nobody knows
        nn.Linear(16, 1).requires_grad_(False),
    ],
    ids=["of others", "two values", "normalised", "no chain", "no activation", "NaN"],
)
def test_a_pickled_module_whose_critic_cannot_be_rebuilt_is_its_actor(critic, path):
    agent = built(lambda: Whole(main(), critic))
    if isinstance(critic, nn.Linear) and critic.weight.shape == (1, 16):
        nn.init.constant_(critic.weight, torch.nan)
    policy = saved(agent, path)
    assert policy.critic is None
    torch.testing.assert_close(policy.scores(ROWS)[0], agent.dist(agent.base.main(ROWS)).detach())


SPOILT = {
    "another input": {"critic.0.weight": torch.ones(16, 5)},
    "two values": {"critic.4.weight": torch.ones(2, 16), "critic.4.bias": torch.ones(2)},
    "no chain": {"critic.2.weight": torch.ones(16, 7)},
    "NaN": {"critic.2.weight": torch.full((16, 16), torch.nan)},
    "another bias": {"critic.2.bias": torch.ones(3)},
    "a matrix of biases": {"critic.2.bias": torch.ones(16, 16)},
    "complex": {"critic.2.weight": torch.ones(16, 16, dtype=torch.complex64)},
    "a second critic": {"critic.6.weight": torch.ones(16, 4)},
    "a number": {"critic.2.weight": torch.tensor(1.0)},
    "nothing": {"critic.0.weight": torch.ones(0, 4)},
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_critic_is_left_aside(spoil, path):
    agent = built(Ppo)
    policy = saved(agent.state_dict() | SPOILT[spoil], path)
    assert policy.critic is None and policy.values(ROWS) is None
    torch.testing.assert_close(policy.scores(ROWS)[0], agent(ROWS).detach())


def test_one_spoilt_critic_of_two_is_none(path):
    actor, sound, spoilt = built(Deterministic), built(Critic), built(Critic).state_dict()
    spoilt["fc2.weight"][0, 0] = torch.nan
    policy = saved((actor.state_dict(), sound.state_dict(), spoilt), path)
    assert policy.critic is None
    torch.testing.assert_close(policy.scores(ROWS)[0], actor(ROWS).detach())


@pytest.mark.parametrize("strange", [None, "weights", 3.0, {}, ["fc1.weight"]], ids=str)
@pytest.mark.parametrize("name", ["fc1.weight", "fc2.bias", 7])
def test_what_is_no_tensor_is_no_layer(name, strange, path):
    actor, critic = built(Deterministic), built(Critic).state_dict()
    policy = saved((actor.state_dict(), dict(critic) | {name: strange}), path)
    torch.testing.assert_close(policy.scores(ROWS)[0], actor(ROWS).detach())


def test_an_activation_that_nobody_named_is_not_made_up(tmp_path):
    linear = {f"actor.{n}": t for n, t in nn.Linear(4, 3).state_dict().items()}
    deep = {f"critic.{n}": t for n, t in hidden(4, 1).state_dict().items()}
    assert saved(linear | deep, tmp_path / "agent.pt").critic is None
    assert saved(linear | deep, tmp_path / "agent.pt", activation="tanh").critic is not None


def test_published_critics_are_their_authors(published):
    plain = torch.load(published / "plain-ppo-LunarLander-v2.pth", weights_only=True)
    critic = hidden(8, 1, width=64)
    critic.load_state_dict({n[7:]: t for n, t in plain.items() if n.startswith("critic.")})
    rows = torch.randn(20, 8)
    policy = load(published / "plain-ppo-LunarLander-v2.pth", activation="tanh")
    close(values(policy, rows), critic(rows))


def test_a_published_a3c_agent_values_what_it_remembers(published):
    path = published / "a3c-gru-PongDeterministic-v4.tar"
    weights = torch.load(path, weights_only=True)
    gru, head = nn.GRUCell(800, 256), nn.Linear(256, 1)
    for name, layer in (("gru", gru), ("critic_linear", head)):
        own = {n.removeprefix(f"{name}."): t for n, t in weights.items() if n.startswith(name)}
        layer.load_state_dict(own)
    inner = images = torch.randint(0, 256, (3, 1, 80, 80), dtype=torch.uint8)
    inner = inner / 255
    for layer in ("conv1", "conv2", "conv3", "conv4"):
        filters, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        inner = elu(nn.functional.conv2d(inner, filters, bias, stride=2, padding=1))
    policy = load(path, activation="elu")
    found = policy.values(images, policy.initial_memory(3))
    torch.testing.assert_close(
        found, head(gru(inner.flatten(1)))[:, 0].detach(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("file", "activation", "found"),
    [
        ("wocar-ppo-Walker2d-v2.model", "tanh", True),
        ("wocar-ppo-HalfCheetah-v2.model", "relu", False),  # its critic remembers on its own
        ("pong-ppo.pth", None, True),
        ("xrl-bench-LunarLander.pth", "relu", False),  # holds nothing but the actor
        ("go1-policy.onnx", None, False),
        ("unitree-g1-motion.pt", None, False),
    ],
)
def test_published_files_bring_their_critic_or_none(published, file, activation, found):
    assert (load(published / file, activation=activation).critic is not None) is found
