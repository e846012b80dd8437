"""Zip archives are read once, in full, and within bounds."""

import io
import struct
import tracemalloc
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zips import archive, members

from policyscope.errors import DamagedCheckpoint
from policyscope.policies.archives import names, pack, unpack
from policyscope.policies.loading import load

MIB = 1 << 20
contents = st.dictionaries(
    st.text("abc/._", min_size=1, max_size=9).filter(lambda name: not name.endswith("/")),
    st.binary(max_size=300),
    max_size=5,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(parts=contents, deflated=st.booleans())
def test_members_are_what_was_packed(parts, deflated):
    compression = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    assert unpack(archive(parts, compression), "it") == parts
    assert unpack(pack(parts), "it") == parts


def test_only_what_is_wanted_is_read():
    data = bytearray(archive({"a": b"fine", "b": b"spoilt later"}))
    data[data.index(b"spoilt")] ^= 1
    assert unpack(bytes(data), "it", "a", "missing") == {"a": b"fine"}
    with pytest.raises(
        DamagedCheckpoint, match="it is a zip archive whose contents cannot be read"
    ):
        unpack(bytes(data), "it")


def test_names_are_listed_without_reading(tmp_path):
    path = tmp_path / "some.zip"
    path.write_bytes(archive({"a": b"1", "b/c": b"2"}))
    assert names(path) == ("a", "b/c")
    path.write_bytes(b"no archive")
    assert names(path) == ()


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("code/x.py", "code/X.PY")])
def test_two_members_of_one_name_are_refused(first, second):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, about the duplicate that is wanted here
        opened.writestr(first, b"harmless")
        opened.writestr(second, b"harmful")
    with pytest.raises(DamagedCheckpoint, match="two members of one name"):
        unpack(buffer.getvalue(), "it")


def test_the_beginning_of_a_file_cannot_belong_to_something_else(tmp_path):
    inner = archive({"data.pkl": b"inner"})
    outer = archive({"data": b"outer", "policy.pth": inner, "last": b""})
    cut = outer[: outer.index(inner) + len(inner) + 5]
    assert "data.pkl" in zipfile.ZipFile(io.BytesIO(cut)).namelist()
    (tmp_path / "cut.zip").write_bytes(cut)
    assert names(tmp_path / "cut.zip") == ()
    with pytest.raises(DamagedCheckpoint, match="belongs to something else"):
        unpack(cut, "it")


def declared(data: bytes, name: bytes, size: int) -> bytes:
    """The archive with another uncompressed size in both headers of a member."""
    spoilt = bytearray(data)
    local = spoilt.index(b"PK\x03\x04" + data[4:8])
    while spoilt[local + 30 : local + 30 + len(name)] != name:
        local = spoilt.index(b"PK\x03\x04", local + 1)
    central = spoilt.index(b"PK\x01\x02")
    while spoilt[central + 46 : central + 46 + len(name)] != name:
        central = spoilt.index(b"PK\x01\x02", central + 1)
    spoilt[local + 22 : local + 26] = struct.pack("<I", size)
    spoilt[central + 24 : central + 28] = struct.pack("<I", size)
    return bytes(spoilt)


@pytest.fixture
def memory():
    """Fails a test that reserves more than a tenth of what its bomb claims."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_of_four_gigabytes_that_is_not_there_is_refused(memory, compression):
    data = declared(archive({"a": b"x" * 100}, compression), b"a", 2**32 - 2)
    with pytest.raises(DamagedCheckpoint, match="claims to unpack to 4,294,967,294, which no"):
        unpack(data, "it")
    assert memory() < 10 * MIB


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_is_refused_before_it_goes_off(memory, method):
    bomb = archive({"data": bytes(80 * MIB)}, method)
    tracemalloc.reset_peak()
    with pytest.raises(DamagedCheckpoint, match="claims to unpack to 83,886,080, which no"):
        unpack(bomb, "it")
    assert memory() < 10 * MIB


def test_many_members_are_one_bomb():
    bomb = archive({str(i): bytes(10 * MIB) for i in range(8)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(DamagedCheckpoint, match="claims to unpack to"):
        unpack(bomb, "it")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_that_hides_its_size_unpacks_to_what_it_said(memory, method):
    bomb = declared(archive({"a": bytes(80 * MIB)}, method), b"a", 1000)
    tracemalloc.reset_peak()
    with pytest.raises(DamagedCheckpoint, match="cannot be read"):
        unpack(bomb, "it")
    assert memory() < 10 * MIB


def test_a_large_archive_that_is_what_it_says_is_read():
    parts = {"weights": bytes(70 * MIB)}
    assert unpack(archive(parts), "it") == parts


@pytest.mark.parametrize("member", ["data", "policy.pth"])
def test_a_bomb_in_a_checkpoint_is_one_sentence(originals, tmp_path, member):
    parts = {**members(originals["DQN"].path), member: bytes(80 * MIB)}
    path = tmp_path / "model.zip"
    path.write_bytes(archive(parts, zipfile.ZIP_DEFLATED))
    with pytest.raises(DamagedCheckpoint, match=r"model.zip .* which no policy does"):
        load(path)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data(), deflated=st.booleans())
def test_any_damage_is_the_same_contents_or_a_sentence(data, deflated):
    parts = {"x/data.pkl": b"some bytes " * 9, "x/b": bytes(range(99))}
    spoilt = bytearray(archive(parts, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED))
    for _ in range(data.draw(st.integers(1, 2))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    spoilt = spoilt[: data.draw(st.integers(0, len(spoilt)))]
    try:
        again = unpack(bytes(spoilt), "it")
    except DamagedCheckpoint as error:
        assert str(error).startswith("it is a zip archive")
    else:
        assert set(again.values()) <= set(parts.values())
