"""Whatever is given to `load`, the answer is a policy or a sentence about it."""

import dataclasses
import gzip
import hashlib
import os
from pathlib import Path

import pytest
import torch
from programs import exported
from zips import archive

from policyscope import registry
from policyscope.errors import CheckpointError, UnsupportedCheckpoint, UsageError
from policyscope.policies.file import Loader
from policyscope.policies.loading import load

NOT_CHECKPOINTS = {
    "a text": (b"hello\n", "is no checkpoint that can be read; give a stable-baselines3 zip, a"),
    "an HDF5 file": (b"\x89HDF\r\n\x1a\n", r"looks like an HDF5 file \(Keras\); export the policy"),
    "an ONNX file": (
        b"\x08\x08\x12\x07pytorch",
        "a protobuf file, but no ONNX model",
    ),
    "a gzip archive": (gzip.compress(b"x"), "looks like a gzip archive; unpack it and give the"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "looks like a Git LFS pointer, not the file; fetch that: git lfs pull",
    ),
    "a JSON text": (b'{"a": 1}', "looks like a JSON text; give the file that holds the weights"),
    "half a zip": (
        archive({"data": b"x" * 99})[:50],
        "a zip archive that is cut off or of no known",
    ),
    "another zip": (
        archive({"mimetype": b"", "content.xml": b"", "a": b"", "b": b""}),
        "is a zip archive of mimetype, content.xml, a, …, and neither a stable-baselines3 zip",
    ),
    "an empty zip": (archive({}), "is no checkpoint that can be read|cut off"),
    "a plain pickle": (b"\x80\x04K\x01.", "is a pickle of a int, not a torch file"),
}


@pytest.mark.parametrize("name", NOT_CHECKPOINTS)
def test_another_file_is_called_what_it_is(tmp_path, name):
    content, words = NOT_CHECKPOINTS[name]
    (tmp_path / "policy.bin").write_bytes(content)
    with pytest.raises(UnsupportedCheckpoint, match=f"^policy.bin .*({words})"):
        load(tmp_path / "policy.bin")


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no file .*policy.zip; check the path"):
        load(tmp_path / "policy.zip")


def test_an_empty_file_is_a_sentence(tmp_path):
    (tmp_path / "policy.zip").touch()
    with pytest.raises(CheckpointError, match="policy.zip is empty; get a fresh copy"):
        load(tmp_path / "policy.zip")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_an_impossible_path_is_a_sentence(tmp_path, name):
    with pytest.raises(CheckpointError, match="check the path"):
        load(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path):
    (tmp_path / "policy.zip").write_bytes(b"x")
    (tmp_path / "policy.zip").chmod(0)
    with pytest.raises(CheckpointError, match="cannot be opened"):
        load(tmp_path / "policy.zip")


def test_a_path_may_be_a_string(originals):
    path = originals["DQN"].path
    assert load(str(path)).checkpoint == load(path).checkpoint


def test_the_file_is_known_by_its_name_and_digest(originals):
    path = originals["DQN"].path
    checkpoint = load(path).checkpoint
    assert checkpoint.file == path.name
    assert checkpoint.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checkpoint.architecture == "5 → 64 → 64 → 3, ReLU"
    assert checkpoint.parameters == 5 * 64 + 64 + 64 * 64 + 64 + 64 * 3 + 3
    assert checkpoint.observations == "(5,) float32"
    assert checkpoint.actions == "3 discrete actions"
    assert checkpoint.scores == "q-values"


def test_an_unknown_activation_is_a_usage_error_in_every_format_that_takes_one(
    originals, network, tmp_path
):
    torch.save(network.state_dict(), tmp_path / "network.pth")
    for path in (originals["DQN"].path, tmp_path / "network.pth"):
        with pytest.raises(UsageError, match="Did you mean tanh"):
            load(path, activation="tanhh")


@pytest.mark.parametrize("kind", ["sb3", "state dict", "program"])
def test_loading_changes_no_state_of_the_process(originals, network, tmp_path, kind):
    torch.save(network.state_dict(), tmp_path / "network.pth")
    exported(network, tmp_path / "network.pt")
    path = {
        "sb3": originals["SAC with gSDE"].path,
        "state dict": tmp_path / "network.pth",
        "program": tmp_path / "network.pt",
    }[kind]
    before = torch.get_rng_state(), torch.get_default_dtype(), sorted(Path.cwd().iterdir())
    policy = load(path, activation="tanh")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_default_dtype(), sorted(Path.cwd().iterdir())) == before[1:]
    assert not policy.network.training
    assert not any(parameter.requires_grad for parameter in policy.network.parameters())


def test_every_loader_keeps_the_protocol():
    loaders, broken = registry.everything(registry.LOADERS)
    assert not broken
    assert {"sb3", "state_dict", "exported"} <= set(loaders)
    assert all(isinstance(loader(), Loader) for loader in loaders.values())


def test_a_policy_cannot_be_changed(originals):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(originals["DQN"].path).outputs = 5  # pyright: ignore[reportAttributeAccessIssue]


def test_what_a_file_calls_its_parts_cannot_command_a_terminal(tmp_path):
    name = "\x1b[2Jall is well\n" + "a" * 5000
    torch.save({f"{name}.weight": torch.zeros(2, 4, 3)}, tmp_path / "policy.pth")
    with pytest.raises(CheckpointError) as error:
        load(tmp_path / "policy.pth")
    assert str(error.value).isprintable()
    assert 20 < len(str(error.value)) < 1200
