"""safetensors files are read as their own library reads them."""

import json
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from policyscope.errors import DamagedCheckpoint, PolicyscopeError
from policyscope.policies.loading import load
from policyscope.policies.safetensors import is_safetensors, read_safetensors

TENSORS = {
    "double": torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
    "half": torch.arange(6).reshape(2, 3).half(),
    "brain": torch.arange(4).bfloat16(),
    "scalar": torch.tensor(3.5),
    "empty": torch.zeros(0, 4),
    "flags": torch.tensor([True, False]),
    "counts": torch.arange(5),
    "bytes": torch.arange(5).byte(),
}
DATA = save(TENSORS, metadata={"format": "pt"})


def test_tensors_are_those_of_the_library():
    assert is_safetensors(DATA[:64])
    found = read_safetensors(DATA, "policy.safetensors")
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_policy_in_safetensors_is_a_state_dict(tmp_path):
    original = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    (tmp_path / "policy.safetensors").write_bytes(save(original.state_dict()))
    policy = load(tmp_path / "policy.safetensors", activation="tanh")
    observations = torch.linspace(-1, 1, 20).reshape(5, 4)
    torch.testing.assert_close(policy.scores(observations)[0], original(observations).detach())


@pytest.mark.parametrize("length", range(9, len(DATA), 23))
def test_every_truncation_is_one_sentence(length):
    with pytest.raises(DamagedCheckpoint, match="cut off or damaged"):
        read_safetensors(DATA[:length], "policy.safetensors")


@given(st.integers(0, len(DATA) - 1), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place, value):
    changed = bytearray(DATA)
    changed[place] = value
    try:
        found = read_safetensors(bytes(changed), "policy.safetensors")
    except PolicyscopeError:
        return
    assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
        {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": "ab", "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [0, 2**62, 8], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [0, 2**70], "data_offsets": [0, 0]},
        {"shape": [1], "data_offsets": [0, 4]},
        [],
    ],
)
def test_a_header_that_lies_is_refused(entry):
    header = json.dumps({"weight": entry}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(4)
    with pytest.raises(DamagedCheckpoint, match="cut off or damaged"):
        read_safetensors(data, "policy.safetensors")


def test_many_tensors_in_the_same_bytes_do_not_add_up():
    entry = {"dtype": "F32", "shape": [1 << 18], "data_offsets": [0, 1 << 20]}
    header = json.dumps({f"{i}.weight": entry for i in range(20_000)}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes(1 << 20)
    with pytest.raises(DamagedCheckpoint, match="tensors of 20,971,520,000 bytes in 1,048,576"):
        read_safetensors(data, "it")
