"""Pickles read as data: plain values equal what pickle makes of them, all others are inert."""

import collections
import datetime
import pickle
import struct
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from payloads import Call

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.pickles import read
from policyscope.policies.records import Record

protocols = st.integers(0, 5)
keys = st.integers() | st.text() | st.binary() | st.booleans() | st.none() | st.floats(-9, 9)
leaves = (
    keys
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.binary().map(bytearray)
    | st.frozensets(keys, max_size=4)
)
plain = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys | st.tuples(keys, keys), inner, max_size=4)
        | st.sets(keys, max_size=4)
    ),
    max_leaves=12,
)
dtypes = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="?")
    | arrays.unsigned_integer_dtypes(endianness="?")
    | arrays.floating_dtypes(endianness="?")
    | arrays.complex_number_dtypes(endianness="?")
    | arrays.byte_string_dtypes()
    | arrays.unicode_string_dtypes(endianness="?")
)
shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(value=plain, protocol=protocols)
def test_plain_values_are_what_they_were(value, protocol):
    assert read(pickle.dumps(value, protocol), "it") == value


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    array=dtypes.flatmap(lambda dtype: arrays.arrays(dtype, shapes)),
    protocol=protocols,
    transposed=st.booleans(),
    fortran=st.booleans(),
)
def test_arrays_are_what_they_were(array, protocol, transposed, fortran):
    array = np.asarray(array.T if transposed else array, order="F" if fortran else None)
    again = read(pickle.dumps({"array": array}, protocol), "it")["array"]
    assert again.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(again, array, strict=array.dtype.isnative)
    assert again.flags.writeable


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scalar=dtypes.flatmap(lambda dtype: arrays.arrays(dtype, ())), protocol=protocols)
def test_scalars_are_what_they_were(scalar, protocol):
    again = read(pickle.dumps([scalar[()]], protocol), "it")[0]
    assert type(again) is type(scalar[()])
    np.testing.assert_array_equal(again, scalar[()])


def test_an_array_with_reordered_axes_keeps_them():
    array = np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2)
    np.testing.assert_array_equal(read(pickle.dumps(array, 5), "it"), array)


@pytest.mark.parametrize(
    "array",
    [
        np.array([None, "a"], object),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.zeros(2, [("a", "f4"), ("b", "i8")]),
    ],
)
def test_an_array_of_something_else_is_a_record_and_no_damage(array):
    assert isinstance(read(pickle.dumps([array]), "it")[0], Record)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (Fraction(1, 3), "fractions.Fraction"),
        (datetime.date(2020, 1, 2), "datetime.date"),
        (np.random.default_rng(0), "numpy.random._pickle.__generator_ctor"),
        (collections.Counter("ab"), "collections.Counter"),
        (ValueError("x"), "builtins.ValueError"),
        (slice(1, 2), "builtins.slice"),
    ],
)
def test_other_objects_are_records_with_their_origin(value, origin, protocol):
    record = read(pickle.dumps(value, protocol), "it")
    assert isinstance(record, Record)
    assert record.origin == origin
    assert record.args is not None


@pytest.mark.parametrize("protocol", range(6))
def test_a_class_or_a_function_is_a_record_that_was_not_called(protocol):
    for value, origin in ((Fraction, "fractions.Fraction"), (print, "builtins.print")):
        record = read(pickle.dumps(value, protocol), "it")
        assert (record.origin, record.args) == (origin, None)


class Thing:
    """An object of a stranger."""

    def __init__(self) -> None:
        self.numbers = np.arange(3)
        self.itself = self


@pytest.mark.parametrize("protocol", range(6))
def test_attributes_of_an_object_can_be_asked_for(protocol):
    record = read(pickle.dumps(Thing(), protocol), "it")
    np.testing.assert_array_equal(record.get("numbers"), np.arange(3))
    assert record.get("itself") is record
    assert record.get("nothing", 5) == 5


def test_items_of_a_list_or_a_dictionary_of_a_stranger_are_kept():
    record = read(pickle.dumps(collections.deque([1, np.float32(2)])), "it")
    assert record.items == [1, 2.0]
    table = read(pickle.dumps(collections.Counter(a=2)), "it")
    assert table.args == ({"a": 2},)


@pytest.mark.parametrize("protocol", range(6))
def test_shared_parts_stay_shared_and_cycles_closed(protocol):
    array, shared = np.arange(4.0), [1]
    value = {"a": array, "b": (array, shared), "c": [shared]}
    value["self"] = [value]
    again = read(pickle.dumps(value, protocol), "it")
    assert again["a"] is again["b"][0]
    assert again["b"][1] is again["c"][0]
    assert again["self"][0] is again
    assert isinstance(again["a"], np.ndarray)


@pytest.mark.parametrize("depth", [100, 5_000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"]", b"a"), (b"(", b"t"), (b"}K\x01", b"s")])
def test_deep_nesting_is_a_value_or_a_sentence(opening, closing, depth):
    data = b"\x80\x02" + opening * depth + b"N" + closing * depth + b"."
    try:
        value = read(data, "it")
    except DamagedCheckpoint as error:
        assert depth > 100 and "RecursionError" in str(error)
    else:
        assert depth == 100 and isinstance(value, list | tuple | dict)


NESTED_KEY = b"\x80\x02})" + b"\x85" * 30_000 + b"Ns."
DOUBLED_KEY = b"\x80\x02})" + b"2\x86" * 60 + b"Ns."
FAR_MEMO = b"\x80\x02Nr\xff\xff\xff\xff."
MALICE = {
    "a key of nested tuples": NESTED_KEY,
    "a key that doubles sixty times": DOUBLED_KEY,
    "a set of a long key": b"\x80\x04\x8f(" + DOUBLED_KEY[3:-3] + b"\x90.",
    "an array of two billion bytes that are not there": pickle.dumps(
        Call(np._core.numeric._frombuffer, 2**31 - 1, np.dtype("u1"), (2**31 - 1,), "C")
    ),
    "an array of another size": pickle.dumps(
        Call(np._core.numeric._frombuffer, bytes(8), np.dtype("f8"), (2,), "C")
    ),
    "an array of negative size": pickle.dumps(
        Call(np._core.numeric._frombuffer, bytes(8), np.dtype("f8"), (-1, -1), "C")
    ),
    "a length that is not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
    "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 2**40),
    "a mark that is not there": b"\x80\x02a.",
    "a mark for a value": b"(.",
    "a memo that is not there": b"\x80\x02h\x05.",
    "a call of a number": b"\x80\x02K\x01)R.",
    "a call with a number": b"\x80\x02cos\nsystem\nK\x01R.",
    "an item of a number": b"\x80\x02K\x01K\x02a.",
    "a state of a number": b"\x80\x02K\x01K\x02b.",
    "a dictionary of three": b"(K\x01K\x02K\x03d.",
    "a list as a key": b"\x80\x02}]Ns.",
    "nothing": b"",
    "no pickle": b"hello",
    "half a pickle": pickle.dumps(list(range(99)))[:-7],
    "a buffer out of band": pickle.dumps(
        pickle.PickleBuffer(b"x"), 5, buffer_callback=lambda _: None
    ),
}


@pytest.mark.parametrize("name", MALICE)
def test_malice_and_damage_are_one_sentence(name):
    tracemalloc.start()
    try:
        with pytest.raises(DamagedCheckpoint, match="^it cannot be read as a pickle .*fresh copy"):
            read(MALICE[name], "it")
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def test_a_count_is_not_taken_for_bytes():
    tracemalloc.start()
    try:
        for kind in (bytearray, bytes):
            assert isinstance(read(pickle.dumps(Call(kind, 2**31 - 1)), "it"), Record)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_memo_index_far_away_costs_nothing():
    tracemalloc.start()
    try:
        assert read(FAR_MEMO, "it") is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data(), protocol=protocols)
def test_any_flipped_bytes_are_a_value_or_a_sentence(data, protocol):
    value = {"a": np.arange(6.0).reshape(2, 3), "b": [Fraction(1, 2), {"c": (1, "x")}], "d": {2}}
    spoilt = bytearray(pickle.dumps(value, protocol))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[position] = data.draw(st.integers(0, 255))
    try:
        read(bytes(spoilt), "it")
    except DamagedCheckpoint as error:
        assert str(error).startswith("it cannot be read")
