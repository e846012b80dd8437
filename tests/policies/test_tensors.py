"""Torch files of every generation give the tensors that torch would give."""

import io
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from zips import archive, changed, members, with_member

from policyscope.errors import DamagedCheckpoint, PolicyscopeError, UnsupportedCheckpoint
from policyscope.policies.records import Record
from policyscope.policies.tensors import read_tensors

DTYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
)
GENERATIONS = [(legacy, protocol) for legacy in (True, False) for protocol in range(2, 6)]


def saved(content, legacy=False, protocol=2) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about typed storages
        torch.save(
            content, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy
        )
    return buffer.getvalue()


@pytest.mark.parametrize(("legacy", "protocol"), GENERATIONS)
def test_tensors_are_what_they_were(legacy, protocol):
    generator = torch.Generator().manual_seed(1)
    base = torch.randn(6, 4, generator=generator) * 9
    content = {
        "kinds": [base.to(dtype) for dtype in DTYPES],
        "views": [base[1:, ::2], base.t(), base[2], base[0, 0], base.reshape(2, 3, 4)],
        "empty": [torch.zeros(0, 3), torch.zeros(0)],
        "parameter": torch.nn.Parameter(base.clone()),
        "plain": {"steps": 3, "rate": 1e-4, "name": "a", "nothing": None, "pair": (1, [2])},
    }
    again = read_tensors(saved(content, legacy, protocol), "it")
    for kind in ("kinds", "views", "empty"):
        for tensor, expected in zip(again[kind], content[kind], strict=True):
            assert tensor.dtype == expected.dtype
            torch.testing.assert_close(tensor, expected, rtol=0, atol=0)
    assert torch.equal(again["parameter"], content["parameter"])
    assert again["plain"] == content["plain"]


@pytest.mark.parametrize("legacy", [True, False])
def test_tensors_of_one_storage_stay_on_one_storage(legacy):
    base = torch.arange(6.0)
    first, second = read_tensors(saved([base, base[3:]], legacy), "it")
    first[4] = 9
    assert second[1] == 9


@pytest.mark.parametrize("legacy", [True, False])
def test_the_order_of_a_state_dict_is_kept(network, legacy):
    again = read_tensors(saved(network.state_dict(), legacy), "it")
    assert list(again) == list(network.state_dict())


def test_special_tensors_are_records():
    content = read_tensors(saved([torch.eye(3).to_sparse(), torch.zeros(2).to("meta")]), "it")
    assert [part.origin for part in content if isinstance(part, Record)] == [
        "torch._utils._rebuild_sparse_tensor",
        "torch._utils._rebuild_meta_tensor_no_storage",
    ]


def with_pickle(content: bytes, change) -> bytes:
    return changed(content, lambda name, old: change(old) if name.endswith("data.pkl") else old)


LIES = {
    "a longer storage": lambda old: old.replace(b"K\x18t", b"K\x19t"),
    "a much longer storage": lambda old: old.replace(b"K\x18t", b"J\xff\xff\xff\x7ft"),
    "a longer tensor": lambda old: old.replace(b"K\x06K\x04\x86", b"K\x07K\x04\x86", 1),
    "a wider stride": lambda old: old.replace(b"K\x04K\x01\x86", b"K\x05K\x01\x86"),
    "a negative stride": lambda old: old.replace(b"K\x04K\x01\x86", b"J\xff\xff\xff\xffK\x01\x86"),
    "a million equal rows": lambda old: old.replace(
        b"K\x06K\x04\x86", b"J\x40\x42\x0f\x00K\x04\x86", 1
    ).replace(b"K\x04K\x01\x86", b"K\x00K\x00\x86"),
    "a negative size": lambda old: old.replace(b"K\x06K\x04\x86", b"J\xff\xff\xff\xffK\x04\x86"),
    "an offset": lambda old: old.replace(b"QK\x00", b"QK\x01"),
    "a storage that is not there": lambda old: old.replace(
        b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x007"
    ),
    "a storage of an unknown kind": lambda old: old.replace(b"FloatStorage", b"FloutStorage"),
    "no storage": lambda old: old.replace(b"Q", b"0N"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tensor_is_held_against_the_bytes_that_are_there(lie):
    content = saved([torch.arange(24.0).reshape(6, 4)])
    spoilt = with_pickle(content, LIES[lie])
    assert spoilt != with_pickle(content, lambda old: old)
    with pytest.raises(DamagedCheckpoint, match="cannot be read as a torch file"):
        read_tensors(spoilt, "it")


@pytest.mark.parametrize("size", [-1, 2**62])
def test_an_old_file_is_held_against_the_bytes_that_are_there(size):
    content = saved([torch.arange(24.0)], legacy=True)
    at = len(content) - 24 * 4 - 8
    spoilt = content[:at] + size.to_bytes(8, "little", signed=True) + content[at + 8 :]
    with pytest.raises(DamagedCheckpoint, match="cannot be read as a torch file"):
        read_tensors(spoilt, "it")


def test_a_file_of_a_big_endian_machine_is_refused():
    with pytest.raises(UnsupportedCheckpoint, match="big-endian"):
        read_tensors(with_member(saved([1]), "byteorder", b"big"), "it")
    old = saved([1], legacy=True).replace(b"\x88", b"\x89", 1)
    with pytest.raises(UnsupportedCheckpoint, match="big-endian"):
        read_tensors(old, "it")


def test_a_pickle_of_plain_values_is_no_torch_file():
    with pytest.raises(UnsupportedCheckpoint, match="it is a pickle of a dict, not a torch file"):
        read_tensors(pickle.dumps({"weights": [1.0]}), "it")


def test_an_archive_with_two_folders_is_refused():
    two = {**members(saved([1])), "another/data.pkl": pickle.dumps([2])}
    with pytest.raises(DamagedCheckpoint, match="or several folders"):
        read_tensors(archive(two), "it")


def test_nothing_random_is_drawn():
    before = torch.get_rng_state()
    read_tensors(saved([torch.zeros(3)]), "it")
    assert torch.equal(torch.get_rng_state(), before)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data(), legacy=st.booleans())
def test_any_flipped_byte_of_the_pickle_is_a_value_or_a_sentence(data, legacy):
    content = saved({"a": torch.arange(24.0).reshape(6, 4), "b": [1, "x"]}, legacy)
    spoil = data.draw(st.tuples(st.integers(0, 400), st.integers(0, 255)))

    def flip(old: bytes) -> bytes:
        at = spoil[0] % len(old)
        return old[:at] + bytes([spoil[1]]) + old[at + 1 :]

    try:
        read_tensors(flip(content) if legacy else with_pickle(content, flip), "it")
    except PolicyscopeError as error:
        assert str(error).startswith("it ")
