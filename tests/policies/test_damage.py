"""A file that is cut off or spoilt anywhere is a policy like before, or a sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from exports import saved
from hypothesis import given, settings
from hypothesis import strategies as st
from originals import SENSORS, normalising
from programs import exported

from policyscope.errors import CheckpointError
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy

FORMATS = [
    "zip of PPO",
    "zip of SAC",
    "state dict",
    "old state dict",
    "program",
    "pt2",
    "statistics",
]
CUTS = 40
CHECKED = ("zip of PPO", "zip of SAC", "state dict", "program", "pt2")
"""Formats whose contents have checksums."""


@dataclass(frozen=True)
class Sample:
    """An intact file, and how one like it is loaded."""

    path: Path
    content: bytes
    load: Callable[[Path], Policy]

    def again(self, content: bytes) -> Policy:
        path = self.path.with_suffix(".spoilt")
        path.write_bytes(content)
        return self.load(path)


@pytest.fixture(scope="session")
def samples(originals, tmp_path_factory) -> dict[str, Sample]:
    folder = tmp_path_factory.mktemp("samples")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    torch.save(network.state_dict(), folder / "state dict")
    torch.save(
        network.state_dict(), folder / "old state dict", _use_new_zipfile_serialization=False
    )
    exported(network, folder / "program")
    saved(network, folder / "pt2", torch.zeros(1, 5))
    normalising(SENSORS).save(str(folder / "statistics"))
    (folder / "zip of PPO").write_bytes(originals["PPO"].path.read_bytes())
    (folder / "zip of SAC").write_bytes(originals["SAC with gSDE"].path.read_bytes())

    def opened(path: Path) -> Policy:
        return load(path, activation=None if path.name.startswith(("zip", "p")) else "tanh")

    def normalised(path: Path) -> Policy:
        return load(originals["DQN"].path, normalisation=path)

    return {
        name: Sample(
            folder / name,
            (folder / name).read_bytes(),
            normalised if name == "statistics" else opened,
        )
        for name in FORMATS
    }


@pytest.mark.parametrize("name", FORMATS)
def test_the_samples_are_intact(samples, name):
    assert isinstance(samples[name].again(samples[name].content), Policy)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off_is_a_sentence(samples, name):
    sample = samples[name]
    size = len(sample.content)
    ends = {*range(1, size, max(1, size // CUTS)), 1, 2, 4, *(size - n for n in (1, 2, 20, 22, 23))}
    for end in sorted(ends):
        with pytest.raises(CheckpointError) as error:
            sample.again(sample.content[:end])
        assert f"{name}.spoilt" in str(error.value).replace("spoilt.spoilt", "spoilt"), end


@pytest.mark.parametrize("name", CHECKED)
def test_a_file_that_is_cut_off_behind_each_of_its_parts_is_a_sentence(samples, name):
    sample = samples[name]
    at = 0
    while (at := sample.content.find(b"PK", at + 1)) > 0:
        with pytest.raises(CheckpointError):
            sample.again(sample.content[: at + 22 if at + 22 < len(sample.content) else at])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data(), name=st.sampled_from(FORMATS))
def test_a_spoilt_file_is_the_same_policy_or_a_sentence(samples, data, name):
    sample = samples[name]
    spoilt = bytearray(sample.content)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[position] ^= data.draw(st.integers(1, 255))
    same_or_sentence(sample, bytes(spoilt), name in CHECKED)


@pytest.mark.parametrize("name", FORMATS)
def test_a_spoilt_beginning_or_end_is_the_same_policy_or_a_sentence(samples, name):
    sample = samples[name]
    size = len(sample.content)
    for position in (*range(0, 60, 4), *range(size - 120, size, 4)):
        spoilt = bytearray(sample.content)
        spoilt[position] ^= 1 << position % 8
        same_or_sentence(sample, bytes(spoilt), name in CHECKED)


def same_or_sentence(sample: Sample, content: bytes, checked: bool) -> None:
    observations = torch.randn(10, 5, generator=torch.Generator().manual_seed(1))
    try:
        policy = sample.again(content)
    except CheckpointError as error:
        assert len(str(error)) > 20
    else:
        if checked:
            expected = sample.load(sample.path).scores(observations)
            torch.testing.assert_close(policy.scores(observations), expected, rtol=0, atol=0)
        else:
            assert isinstance(policy, Policy)
