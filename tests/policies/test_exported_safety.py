"""A TorchScript program is arithmetic, or it is refused before any of it is run."""

import io
import pickle
import warnings

import pytest
import torch
from programs import exported
from torch import Tensor, nn
from zips import (
    archive,
    changed,
    members,
    with_member,
    with_two_directories,
    with_two_long_ends,
)

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies.loading import load

# TorchScript is deprecated, and what people bring
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


class Part(nn.Module):
    """Runs code when it is loaded: harmless here, and edited below."""

    numbers: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.numbers = torch.ones(2)

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return self.numbers, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.training = state[1]
        self.numbers = state[0]

    def forward(self, observations: Tensor) -> Tensor:
        return observations + self.numbers


class Whole(nn.Module):
    """A policy with such a part."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.part = Part()

    def forward(self, observations: Tensor) -> Tensor:
        return self.part(self.layer(observations))


class Adding(nn.Module):
    """A policy of one line, which is edited below."""

    def forward(self, observations: Tensor) -> Tensor:
        return torch.add(observations, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "policy.pt"


ON_LOADING = {
    "a call": '    torch.save(state, "MARKER")\n',
    "a call under another name": '    t = torch\n    t.save(state, "MARKER")\n',
    "a call through ops": '    ops.aten.save(state, "MARKER")\n',
    "a call through a part of ops": '    t = ops.aten\n    t.save(state, "MARKER")\n',
}


def loading(path, marker, line: str, suffix: str = ".py") -> bytes:
    """A program that runs a line when it is loaded."""
    line = line.replace("MARKER", str(marker)).encode()
    parts = {}
    for name, content in members(exported(Whole(), path)).items():
        if name.endswith(".py") and b"def __setstate__" in content:
            start = content.index(b"NoneType:\n", content.index(b"def __setstate__")) + 10
            content = content[:start] + line + content[start:]
            name = name.removesuffix(".py") + suffix
        parts[name] = content
    return archive(parts)


@pytest.mark.parametrize("line", ON_LOADING.values(), ids=ON_LOADING)
@pytest.mark.parametrize("suffix", [".py", ".PY"])
def test_these_programs_bite_torch_itself(path, marker, line, suffix):
    torch.jit.load(io.BytesIO(loading(path, marker, line, suffix)))
    assert marker.exists()


@pytest.mark.parametrize("line", ON_LOADING.values(), ids=ON_LOADING)
@pytest.mark.parametrize("suffix", [".py", ".PY"])
def test_a_program_that_runs_while_it_is_loaded_is_refused(path, marker, line, suffix):
    path.write_bytes(loading(path, marker, line, suffix))
    with pytest.raises(UnsafeCheckpoint, match="runs code of its own while it is loaded"):
        load(path)
    assert not marker.exists()


def test_even_a_harmless_one_is_refused(path):
    exported(Whole(), path)
    with pytest.raises(UnsafeCheckpoint, match="while it is loaded"):
        load(path)


def with_line(path, line: str) -> None:
    """Replace the arithmetic of a program."""
    exported(Adding(), path)
    edited = changed(path, lambda _, c: c.replace(b"torch.add(observations, 1)", line.encode()))
    assert edited != changed(path, lambda _, c: c)
    path.write_bytes(edited)


CALLS = {
    'torch.from_file("MARKER", True, 4)': "aten::from_file",
    "torch.rand_like(observations)": "aten::rand_like",
    "torch.bernoulli(observations)": "aten::bernoulli",
    "torch.set_(observations, observations)": "aten::set_",
    "torch.resize_(observations, [9])": "aten::resize_",
    "torch.as_strided(observations, [9], [9])": "aten::as_strided",
    "ops.prim.TimePoint()": "prim::TimePoint",
    "ops.quantized.linear_dynamic(observations)": "quantized::linear_dynamic",
    "ops.profiler._record_function_enter('x')": "profiler::_record_function_enter",
    "[torch][0].save(observations)": "torch:: itself",
    "ops": "torch:: itself",
    "ops.aten": "torch:: itself",
}


@pytest.mark.parametrize(("line", "culprit"), CALLS.items())
def test_an_operator_outside_the_list_is_named(path, marker, line, culprit):
    with_line(path, line.replace("MARKER", str(marker)))
    with pytest.raises(UnsafeCheckpoint, match=f"calls {culprit}, which is not on the list"):
        load(path)
    assert not marker.exists()


BUILT_IN = {
    'print("hello")': "prim::Print",
    "getattr(torch, 'save')(observations, 'MARKER')": "",
    "observations.bernoulli_()": "aten::bernoulli_",
    "observations.normal_()": "aten::normal_",
}


@pytest.mark.parametrize(("line", "culprit"), BUILT_IN.items())
def test_what_the_text_does_not_show_the_graph_does(path, capfd, line, culprit):
    exported(Adding(), path)
    text = f"    side = {line}\n    return torch.add(observations, 1)".encode()
    path.write_bytes(
        changed(path, lambda _, c: c.replace(b"    return torch.add(observations, 1)", text))
    )
    with pytest.raises(CheckpointError) as error:
        load(path)
    assert isinstance(error.value, UnsafeCheckpoint if culprit else CheckpointError)
    assert culprit in str(error.value)
    assert "hello" not in capfd.readouterr().out


LOOPS = {
    "while True": "while True:\n      n = n + 1\n",
    "doing nothing": "while True:\n      pass\n",
    "while it is small": "while torch.lt(n, 9):\n      n = n + 1\n",
    "very often": "for i in range(1000000000):\n      n = n + i\n",
    "often, often": "for i in range(1000):\n      for j in range(1000):\n        n = n + j\n",
    "as often as there are rows": "for i in range(torch.size(observations, 0)):\n      n = n + i\n",
}


def looping(path, loop: str) -> None:
    exported(Adding(), path)
    text = f"    n = 0\n    {loop}    return torch.add(observations, n)".encode()
    whole = b"    return torch.add(observations, 1)"
    path.write_bytes(changed(path, lambda _, content: content.replace(whole, text)))


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_loop_that_may_not_end_soon_is_refused(path, loop):
    looping(path, loop)
    with pytest.raises(UnsupportedCheckpoint, match="a loop of which nothing says that it ends"):
        load(path)


def test_a_loop_of_a_few_times_is_computed(path):
    looping(path, "for i in range(4):\n      for j in range(2):\n        n = n + i\n")
    assert load(path).scores(torch.zeros(1, 2))[0].tolist() == [[12, 12]]


def test_a_method_chosen_at_run_time_is_refused(path):
    with pytest.raises(UnsafeCheckpoint, match="prim::CallMethod"):
        load(exported(Choosing(), path))


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TorchScript is deprecated, and what people bring

    @torch.jit.interface
    class Doing(nn.Module):
        def one(self, x: Tensor) -> Tensor:
            pass


class Done(nn.Module):
    """Is called through an interface, so that its graph is not part of the caller's."""

    def one(self, x: Tensor) -> Tensor:
        return x + 1


class Choosing(nn.Module):
    """Calls through an interface."""

    part: Doing

    def __init__(self) -> None:
        super().__init__()
        self.part = Done()

    def forward(self, observations: Tensor) -> Tensor:
        return self.part.one(observations)


@pytest.mark.parametrize(
    "text",
    ["torch.classes.quantized.X", "__torch__.torch.classes.quantized.LinearPackedParamsBase"],
)
def test_native_classes_are_refused_wherever_they_are_mentioned(path, text):
    with_line(path, text)
    with pytest.raises(UnsafeCheckpoint, match="torch.classes"):
        load(path)
    module, name = text.rsplit(".", 2)[0], ".".join(text.rsplit(".", 2)[1:])
    for content in (
        f"c{text.rpartition('.')[0]}\n{text.rpartition('.')[2]}\n",
        f"c{module}\n{name}\n",
    ):
        for pickled in ("/data.pkl", "/constants.pkl"):
            exported(Adding(), path)
            spoilt = b"\x80\x02" + content.encode() + b")\x81."
            path.write_bytes(with_member(path, pickled, spoilt))
            with pytest.raises(UnsafeCheckpoint, match="torch.classes"):
                load(path)


def test_hooks_around_the_forward_pass_are_refused(path):
    module = Adding()

    def before(module, inputs: tuple[Tensor]) -> None:
        assert True

    module.register_forward_pre_hook(before)
    with pytest.raises(CheckpointError, match="hooks around its forward pass"):
        load(exported(module, path))


def test_a_second_directory_does_not_deceive(path, marker):
    harmful = loading(path, marker, ON_LOADING["a call"])
    both = with_two_directories(harmful, members(exported(Adding(), path)))
    assert not any(b"MARKER" in c or b"__setstate__" in c for c in members(both).values())
    torch.jit.load(io.BytesIO(both))
    assert marker.exists()
    marker.unlink()
    path.write_bytes(both)
    with pytest.raises(CheckpointError):
        load(path)
    assert not marker.exists()


def test_torch_is_given_what_was_checked(path, marker):
    harmful = loading(path, marker, ON_LOADING["a call"])
    harmless = archive(members(exported(nn.Linear(4, 2), path)))
    path.write_bytes(with_two_long_ends(harmless, harmful))
    torch.jit.load(path)
    assert marker.exists()
    marker.unlink()
    assert load(path).checkpoint.architecture == "program of linear"
    assert not marker.exists()


def test_every_tensor_is_held_against_its_bytes(network, path):
    exported(network, path)
    short = changed(path, lambda name, c: c[:-4] if name.endswith("data/0") else c)
    # torch itself would read beyond the end
    path.write_bytes(short)
    with pytest.raises(DamagedCheckpoint, match="cannot be read as a torch file"):
        load(path)


def test_a_flipped_weight_is_noticed(network, path):
    exported(network, path)
    content = bytearray(path.read_bytes())
    weight = network[0].weight.detach().numpy().tobytes()
    content[content.index(weight) + 2] ^= 64
    # torch itself does not look at checksums
    path.write_bytes(bytes(content))
    with pytest.raises(DamagedCheckpoint, match="CRC"):
        load(path)


@pytest.mark.parametrize(
    "source", ["", "def (", "x" * 10 + "\x00", "-" * 20_000 + "x", "a" + ".b" * 20_000, "(" * 500]
)
def test_a_program_that_cannot_be_read_is_one_sentence(path, source):
    exported(Adding(), path)
    path.write_bytes(changed(path, lambda n, c: source.encode() if n.endswith(".py") else c))
    with pytest.raises(DamagedCheckpoint):
        load(path)


def test_deeply_nested_contents_are_one_sentence(path):
    exported(Adding(), path)
    nested = b"\x80\x02" + b"]" * 10_000 + b"N" + b"a" * 10_000 + b"."
    path.write_bytes(with_member(path, "/data.pkl", nested))
    with pytest.raises(DamagedCheckpoint):
        load(path)
    path.write_bytes(with_member(path, "/data.pkl", pickle.dumps([1], 2)))
    with pytest.raises(CheckpointError):
        load(path)
