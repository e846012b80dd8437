import io
import re
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policyscope.errors import RecordingError
from policyscope.provenance import digest
from policyscope.rollouts.recording_files import read_recording
from policyscope.rollouts.recording_tables import SAMPLES
from policyscope.rollouts.seeds import generator

STATES = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
EPISODE = np.repeat([0, 1], 10)
TABLE = "angle (rad),episode,speed\n0.5,0,1\n0.25,0,2\n-1e-3,1,3\n4,1,4\n"
RANGES = "feature,low,high\nangle (rad),-1,1\nspeed,0,8\nfixed,2,2\n"


def stored(array, version=None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version, allow_pickle=True)
    return file.getvalue()


def archive(path: Path, members, packing=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", ["observations", "obs", "anything"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_is_read(tmp_path, name, save):
    save(tmp_path / "walk.npz", **{name: STATES})
    recording = read_recording(tmp_path / "walk.npz")
    np.testing.assert_array_equal(recording.observations, STATES)
    assert recording.file == "walk.npz"
    assert recording.digest == digest(tmp_path / "walk.npz")
    assert recording.lengths is None


def test_an_archive_in_the_manner_of_d4rl_is_read(tmp_path):
    ends = np.zeros(20, bool)
    ends[[4, 12]] = True
    np.savez(
        tmp_path / "walk.npz",
        observations=STATES,
        actions=STATES[:, :2],
        rewards=np.zeros(20),
        next_observations=np.full((20, 3), np.nan),
        terminals=ends,
        timeouts=np.zeros(20, bool),
        features=np.array(["a", "b", "c"]),
    )
    recording = read_recording(str(tmp_path / "walk.npz"))
    assert recording.lengths is not None
    assert recording.lengths.tolist() == [5, 8, 7]
    assert recording.features == ("a", "b", "c")
    np.testing.assert_array_equal(recording.actions, STATES[:, :2])


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_single_array_is_read_in_either_order(tmp_path, version, order):
    (tmp_path / "walk.npy").write_bytes(stored(np.asarray(STATES, order=order), version))
    np.testing.assert_array_equal(read_recording(tmp_path / "walk.npy").observations, STATES)


def test_a_table_is_read_with_its_episodes_and_names(tmp_path):
    recording = read_recording(text(tmp_path / "walk.csv", TABLE))
    expected = [[0.5, 1], [0.25, 2], [-1e-3, 3], [4, 4]]
    np.testing.assert_array_equal(recording.observations, expected)
    assert recording.features == ("angle (rad)", "speed")
    assert recording.visited.lengths.tolist() == [2, 2]


@pytest.mark.parametrize(
    "variant",
    [
        TABLE.replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        TABLE.replace("angle (rad)", '"angle (rad)"').replace("0.5,", '"0.5", '),
        TABLE + "\n",
    ],
)
def test_tables_of_other_programs_are_read_alike(tmp_path, variant):
    (tmp_path / "walk.csv").write_bytes(variant.encode())
    (tmp_path / "plain.csv").write_bytes(TABLE.encode())
    read, plain = (read_recording(tmp_path / name) for name in ("walk.csv", "plain.csv"))
    np.testing.assert_array_equal(read.observations, plain.observations)
    assert read.features == plain.features


def test_states_are_drawn_from_ranges_each_by_its_own_generator(tmp_path):
    path = text(tmp_path / "ranges.csv", RANGES)
    drawn, again, other = (read_recording(path, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(drawn.observations, again.observations)
    assert not np.array_equal(drawn.observations, other.observations)
    by_hand = generator(5, "observations", 17).uniform([-1, 0, 2], [1, 8, 2])
    np.testing.assert_array_equal(drawn.observations[17], by_hand)
    assert drawn.observations.shape == (SAMPLES, 3)
    assert drawn.visited.lengths.tolist() == [1] * SAMPLES
    np.testing.assert_allclose(drawn.observations.mean(0), [0, 4, 2], atol=0.15)  # 6 σ and more
    (notice,) = drawn.notices
    assert "sampled, not visited" in notice


def hdf5(path, **datasets):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in datasets.items():
            file[name.replace("__", "/")] = array
    return path


def test_a_file_of_d4rl_is_read(tmp_path):
    path = hdf5(tmp_path / "walk.hdf5", observations=STATES, terminals=EPISODE, actions=STATES)
    recording = read_recording(path)
    np.testing.assert_array_equal(recording.observations, STATES)
    assert recording.visited.lengths.tolist() == [11, *[1] * 9]


@pytest.mark.filterwarnings("ignore:.*is set to None:UserWarning:minari")
def test_a_minari_dataset_that_minari_wrote_is_read(tmp_path, monkeypatch):
    pytest.importorskip("minari")
    import gymnasium
    from minari import create_dataset_from_buffers
    from minari.data_collector import EpisodeBuffer

    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 9, 12).tolist()  # episode_10 is to come after episode_9
    seen = [rng.normal(size=(length + 1, 4)).astype(np.float32) for length in lengths]
    done = [rng.integers(0, 2, length) for length in lengths]
    buffers = [
        EpisodeBuffer(
            id=i,
            observations=seen[i],  # pyright: ignore
            actions=done[i],  # pyright: ignore
            rewards=[1.0] * length,
            terminations=[False] * length,
            truncations=[False] * length,
        )
        for i, length in enumerate(lengths)
    ]
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    create_dataset_from_buffers(
        "cartpole/random-v0",
        buffers,
        env=gymnasium.make("CartPole-v1"),
        algorithm_name="chance",
        author="a",
        author_email="a",
        code_permalink="a",
    )
    recording = read_recording(tmp_path / "cartpole" / "random-v0")
    decided = np.concatenate([episode[:-1] for episode in seen])
    np.testing.assert_array_equal(recording.observations, decided)
    np.testing.assert_array_equal(recording.actions, np.concatenate(done))
    assert recording.visited.lengths.tolist() == lengths
    assert recording.file == "random-v0"


def test_a_dictionary_in_a_minari_dataset_is_refused(tmp_path):
    (tmp_path / "set" / "data").mkdir(parents=True)
    hdf5(tmp_path / "set/data/main_data.hdf5", episode_0__observations__goal=STATES)
    with pytest.raises(RecordingError, match="made of several parts"):
        read_recording(tmp_path / "set")


def linked(path: Path, kind: str) -> Path:
    h5py = pytest.importorskip("h5py")
    secret = hdf5(path.with_name("secret.hdf5"), observations=STATES)
    with h5py.File(path, "w") as file:
        match kind:
            case "external link":
                file["observations"] = h5py.ExternalLink(str(secret), "observations")
            case "soft link":
                file["elsewhere"] = STATES
                file["observations"] = h5py.SoftLink("/elsewhere")
            case "external data":
                size = STATES.nbytes
                file.create_dataset(
                    "observations", STATES.shape, "f4", external=[(str(secret), 0, size)]
                )
            case "virtual":
                layout = h5py.VirtualLayout(STATES.shape, "f4")
                layout[:] = h5py.VirtualSource(str(secret), "observations", STATES.shape)
                file.create_virtual_dataset("observations", layout)
            case "huge":
                shape = (1 << 40, 3)
                file.create_dataset("observations", shape, "f8", chunks=(1000, 3))
            case "huge chunk":
                options = {"chunks": (1 << 27, 3), "maxshape": (None, 3)}
                file.create_dataset("observations", (8, 3), "f8", **options)
            case "text":
                file["observations"] = ["a", "b"]
    return path


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("external link", "takes observations from elsewhere by a link"),
        ("soft link", "takes observations from elsewhere by a link"),
        ("external data", "takes observations from other files"),
        ("virtual", "takes observations from other files"),
        ("huge", "claims to hold arrays of"),
        ("huge chunk", "claims to hold arrays of"),
        ("text", "of type object, perhaps compressed images"),
    ],
)
def test_an_hdf5_file_that_reaches_out_is_refused(tmp_path, kind, sentence):
    with pytest.raises(RecordingError, match=sentence):
        read_recording(linked(tmp_path / "walk.hdf5", kind))


def test_without_h5py_the_sentence_names_the_extra(tmp_path, monkeypatch):
    path = hdf5(tmp_path / "walk.hdf5", observations=STATES)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(RecordingError, match=re.escape("pip install 'policyscope[minari]'")):
        read_recording(path)


class Payload:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def pickled() -> bytes:
    return stored(np.array([[Payload()]] * 8, object))


def declared(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 64


def changed(content: bytes) -> bytes:
    return content[:-8] + b"\xff" * 4 + content[-4:]


BAD = {
    "missing": (lambda t: t / "none.npz", "There is no file"),
    "empty folder": (lambda t: t, "no Minari dataset: there is no data/main_data.hdf5"),
    "other format": (lambda t: text(t / "walk.txt", TABLE), "walk.txt is no recording"),
    "npz cut off": (
        lambda t: cut(archive(t / "a.npz", {"obs.npy": stored(STATES)})),
        "a.npz is an archive that cannot be read",
    ),
    "npz without names": (
        lambda t: archive(t / "a.npz", {"x.npy": stored(STATES), "y.npy": stored(STATES)}),
        "a.npz holds x, y, and none is named observations",
    ),
    "npz with nothing": (lambda t: archive(t / "a.npz", {}), "none is named observations"),
    "npz with pickles": (
        lambda t: archive(t / "a.npz", {"observations.npy": pickled()}),
        "observations in a.npz holds Python objects, and those are never unpickled",
    ),
    "npz with a pickled column": (
        lambda t: archive(
            t / "a.npz", {"observations.npy": stored(STATES), "episode.npy": pickled()}
        ),
        "episode in a.npz holds Python objects",
    ),
    "npy with pickles": (lambda t: binary(t / "a.npy", pickled()), "a.npy holds Python objects"),
    "npy of another shape": (
        lambda t: binary(t / "a.npy", declared("(1099511627776, 3)")),
        "declares the shape (1099511627776, 3) of float64, and 64 bytes follow",
    ),
    "npz of another shape": (
        lambda t: archive(t / "a.npz", {"obs.npy": declared("(1099511627776, 3)")}),
        "declares the shape (1099511627776, 3)",
    ),
    "npy with code": (lambda t: binary(t / "a.npy", declared("exit()")), "no array of numpy"),
    "npy cut off": (lambda t: cut(binary(t / "a.npy", stored(STATES))), "cut off or damaged"),
    "npy without header": (lambda t: binary(t / "a.npy", b"\x93NUMPY"), "no array of numpy"),
    "zip bomb": (
        lambda t: archive(t / "a.npz", {"obs.npy": bytes(300_000_000)}),
        "claims to hold arrays of 300,000,000, which no recording does",
    ),
    "bzip bomb": (
        lambda t: archive(t / "a.npz", {"obs.npy": bytes(3_000_000)}, zipfile.ZIP_BZIP2),
        "packed by a method that no library uses",
    ),
    "hdf5 cut off": (
        lambda t: binary(t / "a.hdf5", b"\x89HDF\r\n\x1a\n" + bytes(50)),
        "HDF5 file that cannot be read",
    ),
    "hdf5 of something else": (lambda t: hdf5(t / "a.hdf5", x=STATES), "no array named observ"),
    "csv without header": (lambda t: text(t / "a.csv", "1,2\n3,4\n"), "has no header row"),
    "csv of nothing": (lambda t: text(t / "a.csv", ""), "has no header row"),
    "csv without rows": (lambda t: text(t / "a.csv", "a,b\n"), "nothing below it"),
    "csv with words": (
        lambda t: text(t / "a.csv", "a,b\n1,2\n3,x\n"),
        "no table of numbers below its header row: could not convert string 'x'",
    ),
    "csv with a gap": (lambda t: text(t / "a.csv", "a,b\n1,\n"), "could not convert string ''"),
    "csv with ragged rows": (
        lambda t: text(t / "a.csv", "a,b\n1,2\n3\n"),
        "the number of columns changed from 2 to 1",
    ),
    "csv with fewer names": (lambda t: text(t / "a.csv", "a\n1,2\n3,4\n"), "has 1 names in its"),
    "csv with nan": (
        lambda t: text(t / "a.csv", "a,b\n1,2\n3,nan\n1,2\n3,4\n"),
        "first at step 1, feature 'b'",
    ),
    "csv with two episodes": (
        lambda t: text(t / "a.csv", "episode,episode\n1,2\n"),
        "two columns named episode",
    ),
    "csv in binary": (lambda t: binary(t / "a.csv", b"a,b\n\xff\xfe\n"), "no table of text"),
    "csv with binary name": (lambda t: binary(t / "a.csv", b"\xff\xfe\n1\n"), "no table of text"),
    "ranges of words": (
        lambda t: text(t / "a.csv", "feature,low,high\na,0,x\n"),
        "has the row 'a,0,x'",
    ),
    "ranges upside down": (
        lambda t: text(t / "a.csv", "feature,low,high\na,0,1\nb,1,0\n"),
        "gives 'b' no range",
    ),
    "infinite ranges": (
        lambda t: text(t / "a.csv", "feature,low,high\na,-1e308,1e308\n"),
        "gives 'a' no range",
    ),
    "no ranges": (lambda t: text(t / "a.csv", "feature,low,high\n"), "gives no ranges"),
}


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-30])
    return path


def binary(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("make", "sentence"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_a_sentence(tmp_path, make, sentence):
    if "hdf5" in sentence.lower():
        pytest.importorskip("h5py")
    path = make(tmp_path)
    with pytest.raises(RecordingError, match=re.escape(sentence)) as caught:
        read_recording(path)
    assert "\n" not in str(caught.value)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv"])
def test_damage_ends_in_a_recording_or_in_a_sentence(tmp_path, name, data):
    intact = {
        "a.npz": archive(
            tmp_path / "intact",
            {"observations.npy": stored(STATES[:6]), "episode.npy": stored(EPISODE[:6])},
            zipfile.ZIP_STORED,
        ).read_bytes(),
        "a.npy": stored(STATES[:6]),
        "a.csv": TABLE.encode(),
    }[name]
    content = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        recording = read_recording(tmp_path / name)
    except RecordingError as error:
        assert 20 < len(str(error)) < 500
    else:
        assert np.isfinite(recording.observations).all()
