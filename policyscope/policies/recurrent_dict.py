"""State dicts of policies with an LSTM: linear layers, the LSTM, linear layers.

The layers that stand directly before and behind the LSTM in the file, and fit it, are the policy's;
others, such as a critic or a feed-forward branch that was never used, are left aside. Nothing is
taken to stand between a linear layer and the LSTM. The activation between two linear layers is not
in the file, and is only asked for where there are two.
"""

import re

from torch import Tensor, nn

from policyscope.errors import ActivationUnknown, CheckpointError, UnsupportedCheckpoint
from policyscope.policies import mlp
from policyscope.policies.file import CheckpointFile, Hints
from policyscope.policies.normalisation import applied, filter_inside
from policyscope.policies.policy import Policy
from policyscope.policies.recurrent import Recurrent, memory_shapes, rebuilt
from policyscope.policies.state_dict import VALUE, StateDict, acting_tensors, spread_of
from policyscope.provenance import Checkpoint

_LSTM = re.compile(r"(.*)\.weight_ih_l0")


class RecurrentStateDict:
    """Loader of bare state dicts with an LSTM."""

    format = "state dict with an LSTM"

    def recognises(self, file: CheckpointFile) -> bool:
        """Whether torch wrote it, and an LSTM is among its tensors."""
        if not StateDict().recognises(file):
            return False
        try:
            return _name(acting_tensors(file)) is not None
        except CheckpointError:
            return False  # the loader of state dicts says what is wrong with it

    def load(self, file: CheckpointFile, hints: Hints) -> Policy:
        """Rebuild the acting network. See `Loader.load`."""
        tensors = acting_tensors(file)
        name = _name(tensors)
        if name is None:
            raise UnsupportedCheckpoint(f"{file.name} holds no LSTM.")
        lstm = rebuilt(tensors, name)
        before, behind = _around(tensors, name, lstm)
        activation = mlp.activation_named(hints.activation) if hints.activation else None
        if activation is None and max(len(before), len(behind)) < 2:
            activation = nn.Identity  # no two linear layers meet
        checkpoint = _described(file, lstm, before, behind, activation is None)
        if activation is None:
            raise ActivationUnknown(
                f"{file.name} does not record the activation between its linear layers; give it, "
                "for example --activation tanh.",
                checkpoint,
            )
        features = mlp.build(before, activation) if before else nn.Identity()
        body = mlp.build(behind, activation) if behind else nn.Identity()
        inputs, outputs = _ends(lstm, before, behind)
        policy = Policy(
            network=Recurrent(features, lstm, body).eval(),
            outputs=outputs,
            observation_shape=(inputs,),
            spread=spread_of(tensors, outputs, file.name),
            memory_shapes=memory_shapes(lstm),
            checkpoint=checkpoint,
        )
        normaliser = filter_inside(file.saved, inputs, file.name)
        return policy if normaliser is None else applied(policy, normaliser)


def _described(
    file: CheckpointFile,
    lstm: nn.LSTM,
    before: list[mlp.Layer],
    behind: list[mlp.Layer],
    asking: bool,
) -> Checkpoint:
    inputs, outputs = _ends(lstm, before, behind)
    widths = [inputs, *(w.shape[0] for w, _ in before), f"LSTM of {lstm.hidden_size}"]
    return Checkpoint(
        file=file.name,
        digest=file.digest,
        format=RecurrentStateDict.format,
        algorithm=None,
        library=None,
        architecture=" → ".join(map(str, [*widths, *(w.shape[0] for w, _ in behind)])),
        parameters=mlp.parameters([*before, *behind])
        + sum(parameter.numel() for parameter in lstm.parameters()),
        observations=f"({inputs},)",
        actions=f"{outputs} outputs",
        scores="logits or mean action, as the environment's actions tell",
        unknown=("activation",) * asking
        + ("action space", "whether an activation stands beside the LSTM"),
    )


def _ends(lstm: nn.LSTM, before: list[mlp.Layer], behind: list[mlp.Layer]) -> tuple[int, int]:
    inputs = mlp.sizes(before)[0] if before else lstm.input_size
    return inputs, mlp.sizes(behind)[-1] if behind else lstm.hidden_size


def _name(tensors: dict[str, Tensor]) -> str | None:
    """The actor's LSTM: the first that is not a critic's, and has the four gates of one."""
    for match in filter(None, map(_LSTM.fullmatch, tensors)):
        gates = tensors.get(f"{match[1]}.weight_hh_l0")
        four = gates is not None and gates.ndim == 2 and gates.shape[0] == 4 * gates.shape[1]
        if four and not VALUE.search(match[1]):
            return match[1]
    return None


def _around(
    tensors: dict[str, Tensor], name: str, lstm: nn.LSTM
) -> tuple[list[mlp.Layer], list[mlp.Layer]]:
    """The linear layers that lead to the LSTM, and those that follow it, in the file's order."""
    linear = [n for n, t in tensors.items() if t.ndim == 2 and n.endswith(".weight")]
    weighs = [n for n in tensors if n.endswith(".weight") and not VALUE.search(n)]
    strange = next((n for n in weighs if n not in linear), None)
    if strange is not None:
        raise UnsupportedCheckpoint(
            f"This policy holds {strange} of shape {tuple(tensors[strange].shape)} beside its "
            "LSTM: convolutions and normalising layers cannot be rebuilt from a state dict yet."
        )
    order = list(tensors)
    place = order.index(f"{name}.weight_ih_l0")
    before: list[mlp.Layer] = []
    for weight in reversed([n for n in linear if order.index(n) < place]):
        if tensors[weight].shape[0] != (before[0][0].shape[1] if before else lstm.input_size):
            break
        before.insert(0, _layer(tensors, weight))
    behind: list[mlp.Layer] = []
    for weight in [n for n in linear if order.index(n) > place and not VALUE.search(n)]:
        if tensors[weight].shape[1] != (behind[-1][0].shape[0] if behind else lstm.hidden_size):
            break
        behind.append(_layer(tensors, weight))
    return before, behind


def _layer(tensors: dict[str, Tensor], weight: str) -> mlp.Layer:
    return tensors[weight], tensors.get(weight.removesuffix("weight") + "bias")
