"""No code of a file is ever run, whatever carries it."""

import base64
import contextlib
import copyreg
import json
import pickle

import pytest
import torch
from originals import SENSORS, normalising
from payloads import NAMES, Call, payloads
from programs import exported
from zips import archive, members, with_data, with_member

from policyscope.errors import (
    CheckpointError,
    PolicyscopeError,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies import pickles
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy


@pytest.fixture
def extension():
    """Code 240 of the extension registry is `exec`, as some application might have chosen."""
    copyreg.add_extension("builtins", "exec", 240)
    yield
    copyreg.remove_extension("builtins", "exec", 240)


@pytest.fixture(params=NAMES)
def payload(request, marker, monkeypatch, extension) -> bytes:
    """Each of the corpus."""
    monkeypatch.setenv("PAYLOAD_MARKER", str(marker))
    return payloads(marker)[request.param]


def attempt(load, *args, **kwargs):
    """What comes of it: a value, or a sentence of ours and never another error."""
    try:
        return load(*args, **kwargs)
    except PolicyscopeError as error:
        assert len(str(error)) > 20
        return error


def test_the_corpus_bites_an_ordinary_unpickler(payload, marker):
    with contextlib.suppress(Exception):  # some fail after their code was run
        pickle.loads(payload)
    assert marker.exists()


def test_a_pickle_is_data(payload, marker):
    attempt(pickles.read, payload, "it")
    assert not marker.exists()


def test_statistics_are_data(payload, marker, originals, tmp_path):
    path = tmp_path / "statistics.pkl"
    path.write_bytes(payload)
    answer = attempt(load, originals["DQN"].path, normalisation=path)
    assert isinstance(answer, CheckpointError)
    assert not marker.exists()


def test_a_bare_pickle_is_no_checkpoint(payload, marker, tmp_path):
    path = tmp_path / "policy.pkl"
    path.write_bytes(payload)
    assert isinstance(attempt(load, path, activation="tanh"), CheckpointError)
    assert not marker.exists()


def test_a_torch_file_is_data(payload, marker, network, tmp_path):
    path = tmp_path / "policy.pth"
    torch.save(network.state_dict(), path)
    path.write_bytes(with_member(path, "data.pkl", payload))
    assert isinstance(attempt(load, path, activation="tanh"), CheckpointError)
    assert not marker.exists()


def test_an_old_torch_file_is_data(payload, marker, tmp_path):
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    for first in range(4):
        path = tmp_path / "policy.pth"
        path.write_bytes(b"".join(head[:first]) + payload + pickle.dumps([]))
        assert isinstance(attempt(load, path, activation="tanh"), CheckpointError)
    assert not marker.exists()


def test_weights_beside_a_payload_are_read_and_the_payload_is_not_run(marker, network, tmp_path):
    beside = Call(exec, f"open({str(marker)!r}, 'w').close()")
    path = tmp_path / "policy.pth"
    torch.save({"model": network.state_dict(), "extra": [beside]}, path)
    policy = load(path, activation="tanh")
    observations = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(policy.scores(observations)[0], network(observations))
    assert not marker.exists()


def torch_file(pickled: bytes) -> bytes:
    return archive({"archive/data.pkl": pickled, "archive/version": b"3"})


def test_a_zip_s_weights_are_data(payload, marker, originals, tmp_path):
    path = tmp_path / "model.zip"
    for weights in (payload, torch_file(payload)):
        path.write_bytes(with_member(originals["PPO"].path, "policy.pth", weights))
        assert isinstance(attempt(load, path), CheckpointError)
    assert not marker.exists()


def test_serialized_fields_of_a_zip_are_never_unpickled(payload, marker, originals, tmp_path):
    original = originals["PPO with levers, and ReLU"]
    data = json.loads(members(original.path)["data"])
    spoilt = [entry for entry in data.values() if isinstance(entry, dict)]
    for entry in spoilt:
        entry[":serialized:"] = base64.b64encode(payload).decode()
    path = tmp_path / "model.zip"
    path.write_bytes(with_data(original.path, **data))
    observations = torch.from_numpy(original.observations)
    torch.testing.assert_close(
        load(path).scores(observations), load(original.path).scores(observations)
    )
    assert len(spoilt) > 4
    assert not marker.exists()


def test_optimisers_beside_the_policy_are_not_opened(payload, marker, originals, tmp_path):
    path = tmp_path / "model.zip"
    for name in ("policy.optimizer.pth", "pytorch_variables.pth", "system_info.txt"):
        path.write_bytes(with_member(originals["PPO"].path, name, payload))
        assert isinstance(load(path), Policy)
    assert not marker.exists()


@pytest.mark.parametrize("pickled", ["/data.pkl", "/constants.pkl"])
def test_pickles_of_a_program_are_data(payload, marker, network, tmp_path, pickled):
    path = tmp_path / "policy.pt"
    exported(network, path)
    path.write_bytes(with_member(path, pickled, payload))
    answer = attempt(load, path)
    assert isinstance(answer, CheckpointError) or pickled == "/constants.pkl"
    assert not marker.exists()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_the_culprit_is_named(marker, tmp_path, protocol):
    path = tmp_path / "policy.pkl"
    path.write_bytes(pickle.dumps(Call(exec, "pass"), protocol))
    with pytest.raises(UnsafeCheckpoint, match=r"would import and run builtins\.exec when loaded"):
        load(path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_statistics_given_as_the_policy_are_recognised(tmp_path, protocol):
    path = tmp_path / "statistics.pkl"
    path.write_bytes(pickle.dumps(normalising(SENSORS), protocol))
    with pytest.raises(UnsupportedCheckpoint, match="statistics of observations, not a policy"):
        load(path)
