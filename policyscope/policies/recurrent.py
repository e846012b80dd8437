"""Long short-term memory, rebuilt from the names and shapes of its tensors.

At each step, with σ the logistic function and i, f, g, o the four quarters of W x + b + U h + c,

    cell' = σ(f) · cell + σ(i) · tanh(g),    hidden' = σ(o) · tanh(cell').

An episode begins with hidden = cell = 0.

Source: Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735, as torch has it,
https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
"""

from collections.abc import Mapping

from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies.filling import filled
from policyscope.policies.policy import Memory


class Recurrent(nn.Module):
    """Features, an LSTM that takes one step, and layers on what it puts out."""

    def __init__(self, features: nn.Module, lstm: nn.LSTM, body: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.lstm = lstm
        self.body = body

    def forward(self, observations: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Scores, and the hidden and cell states (lane, layer, number) after this step."""
        features = self.features(observations.flatten(1).float())
        # torch has the layers before the lanes
        before = tuple(part.transpose(0, 1).contiguous() for part in memory)
        output, after = self.lstm(features[None], before)
        return self.body(output[0]), tuple(part.transpose(0, 1).contiguous() for part in after)


def memory_shapes(lstm: nn.LSTM) -> tuple[tuple[int, ...], ...]:
    """Shapes of its hidden and cell states for one lane."""
    return ((lstm.num_layers, lstm.hidden_size),) * 2


def rebuilt(tensors: Mapping[str, Tensor], prefix: str) -> nn.LSTM:
    """The LSTM below a prefix.

    Args:
        tensors: Names to tensors, as in a state dict.
        prefix: For example `lstm_actor`; its tensors are `lstm_actor.weight_ih_l0` and so on.

    Raises:
        DamagedCheckpoint: If its tensors do not fit one another, or hold NaN or infinity.
        UnsupportedCheckpoint: If it runs both ways, or projects what it remembers.
    """
    own = {name for name in tensors if name.startswith(f"{prefix}.")}
    # reversed and projecting layers have names of their own
    strange = sorted(n for n in own if n.endswith("_reverse") or ".weight_hr_" in n)
    if strange:
        raise UnsupportedCheckpoint(
            f"This policy's LSTM has {strange[0]}; only those that run forwards and do not project "
            "can be rebuilt."
        )
    first = tensors.get(f"{prefix}.weight_ih_l0")
    if first is None or first.ndim != 2 or first.shape[0] < 4 or first.shape[1] < 1:
        raise DamagedCheckpoint(f"{prefix}.weight_ih_l0 is not the weight of an LSTM.")
    layers = sum(name.startswith(f"{prefix}.weight_ih_l") for name in own)
    biased = f"{prefix}.bias_ih_l0" in own
    lstm = nn.LSTM(first.shape[1], first.shape[0] // 4, layers, biased, device="meta")
    return filled(lstm, tensors, prefix)
