"""One small intact file of every format, and how one like it is read."""

import gzip
import io
import warnings
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from exports import flat, pickled, saved
from gymnasium import spaces
from originals import MODELS, SENSORS, Still, built, normalising, on_policy, ppo, sized
from programs import exported, frozen, traced
from safetensors.torch import save
from torch import Tensor, nn

from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.rollouts.recording_files import read_recording

SEEN = spaces.Dict({"goal": spaces.Box(-1, 1, (2,)), "where": spaces.Box(-1, 1, (3,))})
LEVER = spaces.Box(-2, 3, (1,))
ROW = torch.zeros(1, 5)


@dataclass(frozen=True)
class Specimen:
    """An intact file."""

    name: str
    content: bytes
    read: Callable[[Path], Any]
    """What it is read with: a policy, a recording, or a policy behind statistics."""


class Remembering(nn.Module):
    """Keeps a memory in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(5, 4)
        self.head = nn.Linear(4, 2)
        self.register_buffer("memory", torch.zeros(1, 4))

    def forward(self, x: Tensor) -> Tensor:
        self.memory.copy_(self.cell(x, self.memory))
        return self.head(self.memory)


class Recurring(nn.Module):
    """A state dict with a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gru, self.actor = nn.Linear(5, 6), nn.GRU(6, 4), nn.Linear(4, 2)


class Paying(nn.Module):
    """Arithmetic of several kinds, with shapes computed from shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(5, 6), nn.LayerNorm(6)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.first(x).clamp(-3, 3)).reshape(x.shape[0], 2, 3).transpose(1, 2)
        return self.last(torch.tanh(y.reshape(x.shape[0], -1)))


def network() -> nn.Sequential:
    """A small network with tanh."""
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))


def torch_file(content: Any, old: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def in_onnx(module: nn.Module, folder: Path, *, dynamo: bool = False) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter's, about its age
        path = folder / "exported.onnx"
        torch.onnx.export(module.eval(), (ROW,), path, dynamo=dynamo, verbose=False)
    model = onnx.load(path)
    return model.SerializeToString()


def cycling_onnx() -> bytes:
    """A model with an explicit memory, written by hand."""
    helper, numbers = onnx.helper, np.random.default_rng(0)
    real = onnx.TensorProto.FLOAT
    weights = {"w": (1, 12, 5), "r": (1, 12, 4), "head": (4, 2)}
    nodes = [
        helper.make_node("Unsqueeze", ["obs", "axis"], ["steps"]),
        helper.make_node("GRU", ["steps", "w", "r", "", "", "h_in"], ["", "h_out"], hidden_size=4),
        helper.make_node("Squeeze", ["h_out", "axis"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["scores"]),
    ]
    ports = {"obs": [1, 5], "h_in": [1, 1, 4], "scores": [1, 2], "h_out": [1, 1, 4]}
    given = [helper.make_tensor_value_info(name, real, shape) for name, shape in ports.items()]
    constants = [
        onnx.numpy_helper.from_array(numbers.normal(size=shape).astype(np.float32), name)
        for name, shape in weights.items()
    ]
    constants.append(onnx.numpy_helper.from_array(np.array([0]), "axis"))
    graph = helper.make_graph(nodes, "g", given[:2], given[2:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def models() -> dict[str, Any]:
    """Models of stable-baselines3 that `MODELS` has not."""
    quiet = {"batch_size": 8, **on_policy}
    memory = sized(lstm_hidden_size=4, net_arch=[6])
    return {
        **{name: MODELS[name] for name in ("PPO with levers, and ReLU", "SAC with gSDE", "QR-DQN")},
        "MultiInput": lambda: sb3.PPO("MultiInputPolicy", Still(SEEN, LEVER), **quiet),
        "RecurrentPPO": lambda: contrib.RecurrentPPO(
            "MlpLstmPolicy", Still(SENSORS, LEVER), policy_kwargs=memory, **quiet
        ),
        "A PPO of Discrete": lambda: ppo(Still(spaces.Discrete(4), spaces.MultiDiscrete([2, 3]))),
    }


def specimens(folder: Path) -> list[Specimen]:
    """One of every format, made in a folder."""
    torch.manual_seed(0)
    zips = {f"{n}.zip": built(n, make, folder).path.read_bytes() for n, make in models().items()}
    normalising(SENSORS).save(str(folder / "box.pkl"))
    normalising(SEEN, norm_obs_keys=["goal"]).save(str(folder / "dict.pkl"))
    statistics = {name: (folder / name).read_bytes() for name in ("box.pkl", "dict.pkl")}
    of_dicts = folder / "of dicts.zip"
    of_dicts.write_bytes(zips["MultiInput.zip"])
    plain = folder / "plain.pth"
    plain.write_bytes(torch_file(network().state_dict()))

    def behind(path: Path) -> Policy:
        if "dict" in path.name:
            return load(of_dicts, normalisation=path)
        return load(plain, activation="tanh", normalisation=path)

    return [
        *(Specimen(name, content, load) for name, content in (zips | programs(folder)).items()),
        *(Specimen(name, content, _with_tanh) for name, content in state_dicts().items()),
        *(Specimen(name, content, read_recording) for name, content in recordings(folder).items()),
        *(Specimen(name, content, behind) for name, content in statistics.items()),
    ]


def _with_tanh(path: Path) -> Policy:
    return load(path, activation="tanh")


def programs(folder: Path) -> dict[str, bytes]:
    """TorchScript, torch.export and ONNX."""
    pt, pt2 = folder / "policy.pt", folder / "policy.pt2"
    batch, found = torch.zeros(3, 5), {}
    for name, program in {
        "scripted.pt": Paying(),
        "traced.pt": traced(network(), ROW),
        "frozen.pt": frozen(network()),
        "remembering.pt": Remembering(),
    }.items():
        found[name] = exported(program, pt).read_bytes()
    found["exported.pt2"] = saved(Paying(), pt2, batch, free=True).read_bytes()
    found["remembering.pt2"] = saved(Remembering(), pt2, ROW).read_bytes()
    saved(network(), pt2, ROW)
    found |= {"pickled.pt2": pickled(pt2), "flat.pt2": flat(pt2)}
    found["paying.onnx"] = in_onnx(Paying(), folder)
    found["packed.onnx.gz"] = gzip.compress(in_onnx(network(), folder), mtime=0)
    return found | {"cycling.onnx": cycling_onnx()}


def state_dicts() -> dict[str, bytes]:
    """Weights as torch, safetensors and CleanRL save them, and whole modules."""
    weights = network().state_dict()
    names = ("fc1.weight", "fc1.bias", "fc_mu.weight", "fc_mu.bias")
    actor = dict(zip(names, weights.values(), strict=True))
    actor |= {"action_scale": torch.ones(1, 2), "action_bias": torch.zeros(1, 2)}
    filtered = SimpleNamespace(rs=SimpleNamespace(_M=np.ones(5), _S=np.ones(5), _n=9), clip=5.0)
    c51 = {
        f"network.{n}": t
        for n, t in nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6)).state_dict().items()
    }
    c51["atoms"] = torch.linspace(-1, 1, 3)
    images = nn.Sequential(
        nn.Conv2d(4, 2, 8, 4), nn.ReLU(), nn.Conv2d(2, 2, 4, 2), nn.ReLU(), nn.Conv2d(2, 2, 3),
        nn.ReLU(), nn.Flatten(), nn.Linear(98, 8), nn.ReLU(), nn.Linear(8, 3),
    ).state_dict()  # fmt: skip
    return {
        "state.pth": torch_file(weights),
        "old.pth": torch_file({"model": weights, "epoch": 3}, old=True),
        "gru.pth": torch_file(Recurring().state_dict()),
        "images.cleanrl_model": torch_file({f"network.{n}": t for n, t in images.items()}),
        "pair.cleanrl_model": torch_file((actor, {"qf1.weight": torch.ones(1, 6)})),
        "c51.cleanrl_model": torch_file({"model_weights": c51, "args": vars(Namespace(n_atoms=3))}),
        "run.model": torch_file({"policy_model": weights, "envs": [filtered]}),
        "module.pth": torch_file(network()),
        "old-module.pth": torch_file(network(), old=True),
        "weights.safetensors": save(weights),
    }


def recordings(folder: Path) -> dict[str, bytes]:
    """Recorded observations."""
    states, episode = np.arange(24.0).reshape(8, 3), np.repeat([0, 1], 4)
    buffers = {name: io.BytesIO() for name in ("walk.npz", "packed.npz", "walk.npy")}
    np.savez(buffers["walk.npz"], observations=states, episode=episode)
    np.savez_compressed(buffers["packed.npz"], obs=states, terminals=episode == 1)
    np.save(buffers["walk.npy"], states)
    table = "episode,a (m),b\n" + "".join(f"{i // 4},{i},{i / 2}\n" for i in range(8))
    found = {name: buffer.getvalue() for name, buffer in buffers.items()}
    return found | {"walk.csv": table.encode(), "ranges.csv": b"feature,low,high\na,0,1\nb,-1,1\n"}
