"""State dicts of image policies become the network they came from."""

import pytest
import torch
from torch import nn

from policyscope.errors import ActivationUnknown, DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.loading import load

IMAGES = torch.randint(0, 256, (5, 4, 84, 84), generator=torch.Generator().manual_seed(0)).byte()


class Agent(nn.Module):
    """CleanRL's names: a shared network, an actor and a critic."""

    def __init__(self, *filters, side: int, strides=(4, 2, 1)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 4
        for size, stride in zip(filters, strides, strict=False):
            layers += [nn.Conv2d(width, 8, size, stride), nn.ReLU()]
            width = 8
        layers += [nn.Flatten(), nn.Linear(8 * side**2, 16), nn.ReLU()]
        self.network = nn.Sequential(*layers)
        self.actor = nn.Linear(16, 6)
        self.critic = nn.Linear(16, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.actor(self.network(images.float() / 255))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "agent.pt"


@pytest.mark.parametrize(("filters", "side"), [((8, 4, 3), 7), ((8, 4), 9)])
@pytest.mark.parametrize("wrapped", [lambda w: w, lambda w: {"model_state_dict": w, "args": {}}])
def test_the_usual_networks_are_rebuilt(path, filters, side, wrapped):
    torch.manual_seed(1)
    original = Agent(*filters, side=side)
    torch.save(wrapped(original.state_dict()), path)
    policy = load(path, activation="relu")
    torch.testing.assert_close(policy.scores(IMAGES)[0], original(IMAGES).detach())
    assert (policy.observation_shape, policy.outputs, policy.takes_bytes) == ((4, 84, 84), 6, True)
    assert policy.checkpoint.architecture.endswith("→ 16 → 6")


def test_the_activation_is_asked_for(path):
    torch.save(Agent(8, 4, 3, side=7).state_dict(), path)
    with pytest.raises(ActivationUnknown, match="--activation relu"):
        load(path)


def test_other_strides_are_noticed_by_what_they_leave(path):
    torch.save(Agent(8, 4, 3, side=6, strides=(4, 2, 2)).state_dict(), path)
    with pytest.raises(UnsupportedCheckpoint, match=r"takes 288 numbers, where .* leave 392"):
        load(path, activation="relu")


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Conv2d(4, 8, 5, 2), nn.Flatten(), nn.Linear(8 * 40 * 40, 6)),
        nn.Sequential(nn.Conv2d(4, 8, 8, 4), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(3200, 6)),
    ],
)
def test_other_networks_are_refused(path, module):
    torch.save(module.state_dict(), path)
    with pytest.raises(UnsupportedCheckpoint, match="cannot be rebuilt from a state dict yet"):
        load(path, activation="relu")


def test_nan_is_refused(path):
    agent = Agent(8, 4, side=9)
    with torch.no_grad():
        agent.network[0].weight[0, 0, 0, 0] = torch.nan
    torch.save(agent.state_dict(), path)
    with pytest.raises(DamagedCheckpoint, match="NaN"):
        load(path, activation="relu")
