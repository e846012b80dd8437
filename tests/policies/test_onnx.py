"""ONNX models give what onnxruntime gives, with the gradients of what they were exported from."""

import copy
import gzip
import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies.file import CheckpointFile, Hints, Loader
from policyscope.policies.onnx import Onnx
from policyscope.policies.onnx_operators import OPERATORS
from policyscope.policies.policy import Policy
from policyscope.provenance import digest

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
h = onnx.helper


def opened(path: Path) -> Policy:
    return Onnx().load(CheckpointFile(path, digest(path)), Hints())


def exported(module: nn.Module, path: Path, *example: Tensor, **more) -> Path:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # this exporter is deprecated, but it needs no further package and many files came from it
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), example, buffer, dynamo=False, **more)
    path.write_bytes(buffer.getvalue())
    return path


def model(nodes, inputs, outputs, constants=None, version=17):
    """A model of float32 inputs and outputs, by name and shape."""
    graph = h.make_graph(
        nodes,
        "policy",
        [h.make_tensor_value_info(name, 1, shape) for name, shape in inputs.items()],
        [h.make_tensor_value_info(name, 1, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(v, name) for name, v in (constants or {}).items()],
    )
    return h.make_model(graph, opset_imports=[h.make_opsetid("", version)], ir_version=8)


def saved(what, path: Path) -> Path:
    path.write_bytes(what.SerializeToString())
    return path


def answers(path: Path, **feeds: np.ndarray) -> list[np.ndarray]:
    return runtime.InferenceSession(path).run(None, feeds)


def one_by_one(path: Path, observations: Tensor) -> Tensor:
    """What onnxruntime says of each observation alone."""
    session = runtime.InferenceSession(path)
    name = session.get_inputs()[0].name
    rows = [session.run(None, {name: row.numpy()})[0] for row in observations.split(1)]
    return torch.from_numpy(np.concatenate([row.reshape(1, -1) for row in rows]))


def seen(*shape: int) -> Tensor:
    return 2 * torch.randn(20, *shape, generator=torch.Generator().manual_seed(2))


class Normalising(nn.Module):
    """A policy that brings its normaliser, a skip connection and a layer norm."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, -2.0, 0.5, 3.0]))
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.LayerNorm(8))
        self.head = nn.Linear(12, 2)

    def forward(self, observations: Tensor) -> Tensor:
        normal = ((observations - self.mean) / (self.mean**2 + 0.1).sqrt()).clamp(-2.0, 2.0)
        return self.head(torch.cat([self.body(normal), normal], dim=1))


class Attending(nn.Module):
    """Looks at its sensors in pairs: shapes computed from shapes, slices, a choice."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(2, 3)

    def forward(self, observations: Tensor) -> Tensor:
        pairs = observations.view(observations.shape[0], -1, 2)
        query = self.query(pairs).expand(observations.shape[0], 2, 3)
        weights = torch.softmax(query @ query.transpose(1, 2), -1)
        looked = (weights @ query)[:, ::1, :2].mean(1)
        return torch.where(looked > 0, looked.abs().log1p(), torch.sin(looked) ** 2)


def perceptron(activation: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), activation, nn.Linear(8, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(4, 4, (1, 3), groups=2, padding=(0, 1)),
        nn.AvgPool2d(2, 1, padding=1, count_include_pad=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


ACTIVATIONS = (
    nn.Tanh, nn.ReLU, nn.ELU, nn.SELU, nn.LeakyReLU, nn.Softplus, nn.Sigmoid, nn.SiLU, nn.GELU,
    nn.Hardsigmoid, nn.Hardswish, nn.Softsign, nn.Mish, nn.ReLU6, nn.Identity,
)  # fmt: skip
MODULES = {
    **{kind.__name__: (lambda kind=kind: perceptron(kind()), (4,)) for kind in ACTIVATIONS},
    "softmax": (lambda: nn.Sequential(perceptron(nn.Tanh()), nn.Softmax(1)), (4,)),
    "log-softmax": (lambda: nn.Sequential(perceptron(nn.Tanh()), nn.LogSoftmax(-1)), (4,)),
    "normalising": (Normalising, (4,)),
    "attending": (Attending, (4,)),
    "convolutional": (convolutional, (2, 12, 10)),
}


@pytest.mark.parametrize("batch", ["fixed", "symbolic"])
@pytest.mark.parametrize("name", MODULES)
def test_an_exported_module_gives_its_scores_and_its_gradients(tmp_path, name, batch):
    torch.manual_seed(3)
    make, shape = MODULES[name]
    module = make().eval()
    axes = {"dynamic_axes": {"obs": {0: "batch"}, "scores": {0: "batch"}}}
    path = exported(
        module,
        tmp_path / "policy.onnx",
        torch.randn(1, *shape),
        input_names=["obs"],
        output_names=["scores"],
        opset_version=17,
        **(axes if batch == "symbolic" else {}),
    )
    policy = opened(path)
    ours, theirs = seen(*shape).requires_grad_(), seen(*shape).requires_grad_()
    scores, memory = policy.scores(ours)
    torch.testing.assert_close(scores, one_by_one(path, seen(*shape)), rtol=1e-5, atol=1e-5)
    module_scores = module(theirs)
    weights = torch.arange(1.0, 1 + scores.shape[1])
    (scores * weights).sum().backward()
    (module_scores * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    assert memory == ()
    assert policy.differentiable
    assert policy.checkpoint.notices == ()
    assert (policy.observation_shape, policy.outputs) == (shape, module_scores.shape[1])


@pytest.mark.parametrize("version", [9, 11, 13, 20])
def test_each_version_of_the_operators_has_its_own_meaning(tmp_path, version):
    torch.manual_seed(3)
    path = exported(
        nn.Sequential(Normalising(), nn.Softmax(0), nn.GELU()),
        tmp_path / "policy.onnx",
        torch.randn(1, 4),
        opset_version=version,
    )
    policy = opened(path)
    assert policy.differentiable
    torch.testing.assert_close(policy.scores(seen(4))[0], one_by_one(path, seen(4)))


ROW = {"obs": [1, 6]}
SINGLE: dict[str, tuple[list, dict, int]] = {
    name: ([h.make_node(name, ["obs"], ["y"], **attributes)], {}, version)
    for name, attributes, version in (
        ("Abs", {}, 13), ("Neg", {}, 13), ("Exp", {}, 13), ("Cos", {}, 13), ("Erf", {}, 13),
        ("Mish", {}, 18), ("ReduceMax", {"axes": [1]}, 13), ("ReduceMin", {"keepdims": 0}, 13),
        ("Selu", {"alpha": 1.2, "gamma": 0.7}, 13), ("HardSigmoid", {"alpha": 0.3}, 13),
        ("HardSwish", {}, 14), ("Elu", {"alpha": 0.4}, 13), ("Reciprocal", {}, 13),
        ("Gelu", {"approximate": "tanh"}, 20), ("Softmax", {}, 11), ("LogSoftmax", {}, 13),
        ("ReduceSum", {"keepdims": 0}, 13), ("ReduceMean", {"axes": [1]}, 13),
        ("Squeeze", {}, 13), ("Transpose", {}, 13), ("Flatten", {"axis": 0}, 13),
        ("Flatten", {"axis": 2}, 13), ("Cast", {"to": 11}, 13),
    )
}  # fmt: skip


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def real(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


TOGETHER = {
    "Pow": (["obs", "two"], {"two": whole(2)}, {}),
    "Min": (["obs", "a", "b"], {"a": real(0.5), "b": real(*range(6))}, {}),
    "Max": (["obs", "a"], {"a": real(-0.5)}, {}),
    "Clip": (["obs", "", "high"], {"high": np.float32(1)}, {}),
    "Reshape": (["obs", "to"], {"to": whole(0, 2, -1)}, {}),
    "Gather": (["obs", "at"], {"at": whole(-1, 0, 2)}, {"axis": 1}),
    "Slice": (["obs", "s", "e", "a", "t"],
              {"s": whole(-1), "e": whole(-(2**63)), "a": whole(1), "t": whole(-2)}, {}),
    "Unsqueeze": (["obs", "a"], {"a": whole(-1, 0)}, {}),
    "Expand": (["obs", "to"], {"to": whole(3, 1, 6)}, {}),
    "ReduceSum": (["obs", "a"], {"a": whole(-1)}, {}),
    "Gemm": (["obs", "w", "c"],
             {"w": np.arange(12, dtype=np.float32).reshape(2, 6), "c": real(1, 2)},
             {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    "Dropout": (["obs"], {}, {}),
}  # fmt: skip
SINGLE |= {
    f"{name} with arguments": ([h.make_node(name, inputs, ["y"], **attributes)], constants, 13)
    for name, (inputs, constants, attributes) in TOGETHER.items()
}
SINGLE |= {
    "choices": (
        [
            h.make_node("LessOrEqual", ["obs", "one"], ["a"]),
            h.make_node("GreaterOrEqual", ["obs", "two"], ["b"]),
            h.make_node("And", ["a", "b"], ["both"]),
            h.make_node("Not", ["both"], ["neither"]),
            h.make_node("Or", ["neither", "b"], ["some"]),
            h.make_node("Floor", ["obs"], ["floor"]),
            h.make_node("Ceil", ["floor"], ["ceil"]),
            h.make_node("Sign", ["ceil"], ["sign"]),
            h.make_node("Add", ["sign", "obs"], ["sum"]),
            h.make_node("ArgMax", ["obs"], ["best"], axis=1),
            h.make_node("CastLike", ["best", "one"], ["like"]),
            h.make_node("Add", ["sum", "like"], ["more"]),
            h.make_node("Where", ["some", "more", "obs"], ["y"]),
        ],
        {"one": real(0.7), "two": real(-0.7)},
        17,
    ),
    "Split into unequal parts": (
        [
            h.make_node("Split", ["obs", "sizes"], ["a", "b"], axis=1),
            h.make_node("Sub", ["a", "b"], ["c"]),
            h.make_node("Div", ["c", "b"], ["y"]),
        ],
        {"sizes": whole(1, 5)},
        13,
    ),
    "Where of Equal and Less": (
        [
            h.make_node("Less", ["obs", "one"], ["less"]),
            h.make_node("Equal", ["obs", "obs"], ["equal"]),
            h.make_node("Where", ["less", "obs", "one"], ["a"]),
            h.make_node("Where", ["equal", "a", "one"], ["y"]),
        ],
        {"one": real(0.3)},
        13,
    ),
    "whole numbers divided": (
        [
            h.make_node("Shape", ["obs"], ["shape"]),
            h.make_node("Constant", [], ["d"], value_ints=[-4]),
            h.make_node("Div", ["shape", "d"], ["q"]),
            h.make_node("Cast", ["q"], ["f"], to=1),
            h.make_node("Gather", ["f", "last"], ["l"]),
            h.make_node("Mul", ["obs", "l"], ["y"]),
        ],
        {"last": whole(1)},
        13,
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_operator_answers_as_onnxruntime_does(tmp_path, name):
    nodes, constants, version = SINGLE[name]
    what = model(nodes, ROW, {"y": None}, constants, version)
    if name == "Cast":
        what.graph.output[0].type.tensor_type.elem_type = 11
    what = onnx.shape_inference.infer_shapes(what)
    path = saved(what, tmp_path / "policy.onnx")
    policy = opened(path)
    assert policy.differentiable, policy.checkpoint.notices
    expected = one_by_one(path, seen(6)).float()
    torch.testing.assert_close(policy.scores(seen(6))[0], expected, rtol=1e-5, atol=1e-5)


def test_what_it_computes_is_recorded(tmp_path, network):
    path = exported(network, tmp_path / "policy.onnx", torch.zeros(1, 4))
    checkpoint = opened(path).checkpoint
    assert isinstance(Onnx(), Loader)
    assert checkpoint.format == "ONNX"
    assert checkpoint.library is not None and checkpoint.library.startswith("pytorch ")
    assert checkpoint.architecture == "program of Gemm, Tanh"
    assert checkpoint.parameters == sum(p.numel() for p in network.parameters())
    assert checkpoint.observations == "(4,) float32"


def test_a_shape_that_is_left_open_is_found_in_a_trial(tmp_path, network):
    path = exported(
        network, tmp_path / "policy.onnx", torch.zeros(1, 4), input_names=["obs"],
        dynamic_axes={"obs": {0: "batch", 1: "sensors"}},
    )  # fmt: skip
    policy = opened(path)
    assert (policy.observation_shape, policy.outputs) == (None, None)
    fitted = policy.fitted_to(spaces.Box(-1, 1, (4,)), spaces.Discrete(2), "it")
    assert (fitted.observation_shape, fitted.outputs) == ((4,), 2)


def test_a_model_without_a_batch_is_asked_row_by_row(tmp_path):
    path = saved(
        model([h.make_node("Softmax", ["obs"], ["y"])], {"obs": [6]}, {"y": [6]}),
        tmp_path / "policy.onnx",
    )
    torch.testing.assert_close(opened(path).scores(seen(6))[0], seen(6).softmax(1))


def test_pixels_that_are_made_real_have_a_gradient(tmp_path):
    nodes = [h.make_node("Cast", ["obs"], ["r"], to=1), h.make_node("Flatten", ["r"], ["y"])]
    what = model(nodes, {"obs": [1, 2, 2]}, {"y": [1, 4]})
    what.graph.input[0].type.tensor_type.elem_type = 2
    pixels = torch.tensor([[[3.0, 255.0], [0.0, 17.0]]], requires_grad=True)
    scores, _ = opened(saved(what, tmp_path / "policy.onnx")).scores(pixels)
    assert scores.tolist() == [[3.0, 255.0, 0.0, 17.0]]
    scores.sum().backward()
    assert pixels.grad is not None and pixels.grad.unique().tolist() == [1.0]


def test_an_unknown_operator_makes_it_a_black_box(tmp_path):
    nodes = [h.make_node("CumSum", ["obs", "axis"], ["c"]), h.make_node("Tanh", ["c"], ["y"])]
    path = saved(model(nodes, ROW, {"y": [1, 6]}, {"axis": np.int64(1)}), tmp_path / "policy.onnx")
    policy = opened(path)
    assert not policy.differentiable
    assert policy.checkpoint.notices == (
        "It runs as a black box, without gradients, because of the operator CumSum.",
    )
    expected = seen(6).cumsum(1).tanh()
    torch.testing.assert_close(policy.scores(seen(6))[0], expected)
    torch.testing.assert_close(copy.deepcopy(policy.network)(seen(6), ())[0], expected)


def test_steps_that_pass_no_gradient_on_are_named(tmp_path):
    nodes = [
        h.make_node("Greater", ["obs", "zero"], ["g"]),
        h.make_node("Cast", ["g"], ["y"], to=1),
    ]
    path = saved(model(nodes, ROW, {"y": [1, 6]}, {"zero": real(0)}), tmp_path / "policy.onnx")
    policy = opened(path)
    assert not policy.differentiable
    assert policy.checkpoint.notices[0].startswith("Its scores have no gradient")
    torch.testing.assert_close(policy.scores(seen(6))[0], (seen(6) > 0).float())


def recurrent(shape: list, batch, step: str = "Tanh", states=("h_in", "h_out"), first: bool = True):
    """h' = step(obs·A + h·B), scores = h'·C; the observation is the first input, or the last."""
    rng = np.random.default_rng(4)
    weights = {
        "A": rng.normal(size=(3, 5)).astype(np.float32),
        "B": rng.normal(size=(5, 5)).astype(np.float32),
        "C": rng.normal(size=(5, 2)).astype(np.float32),
        "to": whole(-1, 5),
        "back": whole(*(-1 if d == "batch" else d for d in shape)),
    }
    before, after = states
    nodes = [
        h.make_node("MatMul", ["obs", "A"], ["seen"]),
        h.make_node("Reshape", [before, "to"], ["flat"]),
        h.make_node("MatMul", ["flat", "B"], ["kept"]),
        h.make_node("Add", ["seen", "kept"], ["sum"]),
        h.make_node(step, ["sum"], ["new"]),
        h.make_node("Reshape", ["new", "back"], [after]),
        h.make_node("MatMul", ["new", "C"], ["scores"]),
    ]
    inputs = {"obs": [batch, 3], before: shape} if first else {before: shape, "obs": [batch, 3]}
    return model(nodes, inputs, {after: shape, "scores": [batch, 2]}, weights)


@pytest.mark.parametrize(
    ("shape", "batch", "lane"),
    [
        ([1, "batch", 5], "batch", (1, 5)),
        (["batch", 5], "batch", (5,)),
        ([1, 1, 5], 1, (1, 5)),
        ([1, 5], 1, (5,)),
    ],
)
@pytest.mark.parametrize("step", ["Tanh", "Softsign"])
def test_memory_is_handed_on(tmp_path, shape, batch, lane, step):
    path = saved(recurrent(shape, batch, step, first=step == "Tanh"), tmp_path / "policy.onnx")
    policy = opened(path)
    assert policy.memory_shapes == (lane,)
    assert policy.differentiable == (step == "Tanh")
    memory = policy.initial_memory(4)
    kept = [np.zeros([1 if d == "batch" else d for d in shape], np.float32)] * 4
    for observations in seen(3).split(4):
        scores, memory = policy.scores(observations, memory)
        for lane_number in range(4):
            row = observations[lane_number : lane_number + 1].numpy()
            kept[lane_number], expected = answers(path, obs=row, h_in=kept[lane_number])
            np.testing.assert_allclose(scores[lane_number], expected[0], 1e-5, 1e-5)
            np.testing.assert_allclose(
                memory[0][lane_number].flatten(), kept[lane_number].flat, 1e-5, 1e-6
            )


class Lstm(nn.Module):
    """An LSTM whose memory goes in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(4, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, obs: Tensor, h_in: Tensor, c_in: Tensor):
        seen, (h_out, c_out) = self.cell(obs[None], (h_in, c_in))
        return self.head(seen[0]), h_out, c_out


def test_an_exported_lstm_remembers_as_the_original_does(tmp_path):
    torch.manual_seed(1)
    module, state = Lstm(), torch.zeros(1, 1, 6)
    path = exported(
        module, tmp_path / "policy.onnx", torch.zeros(1, 4), state, state,
        input_names=["obs", "h_in", "c_in"], output_names=["actions", "h_out", "c_out"],
    )  # fmt: skip
    policy = opened(path)
    assert policy.memory_shapes == ((1, 6), (1, 6))
    assert policy.differentiable
    memory, h_, c_ = policy.initial_memory(5), torch.zeros(1, 5, 6), torch.zeros(1, 5, 6)
    for observations in seen(4).split(5):
        scores, memory = policy.scores(observations, memory)
        expected, h_, c_ = module(observations, h_, c_)
        torch.testing.assert_close(scores, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(memory[1].squeeze(1), c_[0], rtol=1e-5, atol=1e-5)


def layer(kind: str, steps: int, **options) -> object:
    """A recurrent layer as a policy: what it saw last, and its memory handed on."""
    gates = {"LSTM": 4, "GRU": 3}[kind]
    draw = np.random.default_rng(0)
    weights = {"w": (1, gates * 5, 3), "r": (1, gates * 5, 5), "b": (1, 2 * gates * 5)}
    constants = {n: draw.standard_normal(s).astype(np.float32) for n, s in weights.items()}
    states = ["h", "c"] if kind == "LSTM" else ["h"]
    inputs = ["x", "w", "r", "" if options.pop("unbiased", False) else "b", "", *states]
    outputs = ["all", *(f"{state}_out" for state in states)]
    nodes = [
        h.make_node("Reshape", ["obs", "steps"], ["x"]),
        h.make_node(kind, inputs, outputs, hidden_size=5, **options),
        h.make_node("ReduceSum", ["all", "axes"], ["scores"], keepdims=0),
    ]
    constants |= {"steps": whole(steps, 1, 3), "axes": whole(0, 1)}
    shapes = {state: [1, 1, 5] for state in states}
    after = {f"{state}_out": [1, 1, 5] for state in states}
    return model(nodes, {"obs": [1, steps * 3]} | shapes, {"scores": [1, 5]} | after, constants)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LSTM", {}),
        ("LSTM", {"unbiased": True}),
        ("GRU", {}),
        ("GRU", {"linear_before_reset": 1}),
        ("GRU", {"linear_before_reset": 1, "unbiased": True}),
    ],
)
def test_recurrent_layers_answer_as_onnxruntime_does_and_have_gradients(
    tmp_path, kind, options, steps
):
    path = saved(layer(kind, steps, **options), tmp_path / "policy.onnx")
    policy = opened(path)
    assert policy.differentiable
    observations = seen(steps * 3)[:4].requires_grad_()
    memory = tuple(torch.randn(4, *shape) for shape in policy.memory_shapes)
    scores, after = policy.scores(observations, memory)
    assert torch.autograd.grad(scores.sum(), observations)[0].any()
    for lane in range(4):
        states = {n: m[lane][None].numpy() for n, m in zip("hc", memory, strict=False)}
        row = observations[lane : lane + 1].detach().numpy()
        expected, *kept = answers(path, obs=row, **states)
        np.testing.assert_allclose(scores[lane].detach(), expected[0], 1e-4, 1e-5)
        for ours, theirs in zip(after, kept, strict=True):
            np.testing.assert_allclose(ours[lane].detach(), theirs[0], 1e-4, 1e-5)


@pytest.mark.parametrize(
    "options", [{"activations": ["Tanh", "Sigmoid"]}, {"clip": 1.0}, {"direction": "reverse"}]
)
def test_a_recurrent_layer_of_another_kind_is_a_black_box(tmp_path, options):
    policy = opened(saved(layer("GRU", 1, **options), tmp_path / "policy.onnx"))
    assert not policy.differentiable
    assert f"the operator GRU with {next(iter(options))}" in policy.checkpoint.notices[0]


@pytest.fixture
def beside(tmp_path, network):
    """A model as torch's newer exporter leaves it, with its weights in a file beside it."""
    path = exported(network, tmp_path / "policy.onnx", torch.zeros(1, 4))
    what = onnx.load(path)
    onnx.save(what, path, save_as_external_data=True, location="policy.onnx.data", size_threshold=0)
    assert (tmp_path / "policy.onnx.data").stat().st_size > 4 * 50
    return path


def test_weights_in_the_file_beside_are_read(beside, network):
    policy = opened(beside)
    torch.testing.assert_close(policy.scores(seen(4))[0], network(seen(4)))
    assert policy.checkpoint.parameters == sum(p.numel() for p in network.parameters())
    known = digest(beside.with_name("policy.onnx.data"))
    assert f"policy.onnx.data (SHA-256 {known})" in policy.checkpoint.notices[0]


def test_a_file_beside_that_is_missing_is_named(beside):
    beside.with_name("policy.onnx.data").unlink()
    with pytest.raises(DamagedCheckpoint, match="policy.onnx.data, which is not there; put both"):
        opened(beside)


def test_a_file_beside_that_is_cut_off_is_named(beside):
    data = beside.with_name("policy.onnx.data")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(DamagedCheckpoint, match="does not hold the weights that policy.onnx looks"):
        opened(beside)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("offset", "-4", "does not hold the weights"),
        ("offset", "9" * 5000, "does not hold the weights"),
        ("length", "-1", "does not hold the weights"),
        ("length", "8", "not as large as its shape"),
        ("length", "x", "does not hold the weights"),
        ("location", "other.data", "keeps weights in another file"),
        ("location", "./policy.onnx.data", "keeps weights in another file"),
        ("location", "/etc/passwd", "keeps weights in another file"),
    ],
)
def test_nothing_but_its_weights_is_read_from_the_file_beside(beside, key, value, words):
    what = onnx.load(beside, load_external_data=False)
    places = {e.key: e for e in what.graph.initializer[0].external_data}
    places[key].value = value
    with pytest.raises(CheckpointError, match=words):
        opened(saved(what, beside))


def test_many_weights_in_the_same_bytes_do_not_add_up(beside):
    data = beside.with_name("policy.onnx.data")
    with data.open("r+b") as file:
        file.truncate(1 << 26)
    what = onnx.load(beside, load_external_data=False)
    for i in range(40):
        tensor = what.graph.initializer.add(name=f"more {i}", data_type=1, dims=[1 << 24])
        tensor.data_location = 1
        tensor.external_data.add(key="location", value="policy.onnx.data")
    with pytest.raises(DamagedCheckpoint, match="does not hold the weights"):
        opened(saved(what, beside))


def test_an_observation_that_cannot_be_told_is_one_sentence(tmp_path):
    nodes = [h.make_node("Add", ["left", "right"], ["y"])]
    what = model(nodes, {"left": [1, 6], "right": [1, 6]}, {"y": [1, 6]})
    with pytest.raises(UnsupportedCheckpoint, match=r"inputs: left \[1, 6\], right \[1, 6\]\)"):
        opened(saved(what, tmp_path / "policy.onnx"))


def test_values_beside_the_scores_are_set_aside_and_named(tmp_path):
    nodes = [h.make_node("ReduceSum", ["obs"], ["value"]), h.make_node("Tanh", ["obs"], ["action"])]
    policy = opened(saved(model(nodes, ROW, {"value": [1, 1], "action": [1, 6]}), tmp_path / "p"))
    assert policy.checkpoint.notices == ("action is taken for the scores; value is set aside.",)
    torch.testing.assert_close(policy.scores(seen(6))[0], seen(6).tanh())


def tanh(**more) -> object:
    what = model([h.make_node("Tanh", ["obs"], ["y"], **more)], ROW, {"y": [1, 6]})
    what.opset_import.append(h.make_opsetid("mine", 1))
    return what


def choosing() -> object:
    what = model([h.make_node("ArgMax", ["obs"], ["y"], axis=1)], ROW, {"y": [1, 1]})
    what.graph.output[0].type.tensor_type.elem_type = 7
    return what


def noisy() -> object:
    nodes = [
        h.make_node("RandomNormalLike", ["obs"], ["n"]),
        h.make_node("Add", ["obs", "n"], ["y"]),
    ]
    return model(nodes, ROW, {"y": [1, 6]})


def batched() -> object:
    return model([h.make_node("Tanh", ["obs"], ["y"])], {"obs": [32, 6]}, {"y": [32, 6]})


def weighted(weight: np.ndarray, nodes=None) -> object:
    nodes = nodes or [h.make_node("Add", ["obs", "w"], ["y"])]
    return model(nodes, ROW, {"y": [1, 6]}, {"w": weight})


def external(inside: bool) -> object:
    """Weights in a file that the reader may see and the sender may not."""
    what = weighted(real(*range(6)))
    tensor = what.graph.initializer[0]
    if inside:
        branch = h.make_graph([h.make_node("Identity", ["w"], ["b"])], "b", [], [], [tensor])
        node = what.graph.node.add(op_type="If", input=["c"], output=["z"])
        node.attribute.add(name="then_branch", type=5).g.CopyFrom(branch)
        del what.graph.initializer[:]
        tensor = node.attribute[0].g.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return what


def lying() -> object:
    what = weighted(real(*range(6)))
    what.graph.initializer[0].dims[:] = [1 << 40, 1 << 20]
    return what


def own_functions() -> object:
    what = tanh()
    what.functions.add(name="f", domain="mine")
    return what


def growing() -> object:
    nodes = [
        h.make_node("ConstantOfShape", ["w"], ["z"]),
        h.make_node("ReduceSum", ["z"], ["r"], keepdims=0),
        h.make_node("Add", ["obs", "r"], ["y"]),
    ]
    return weighted(whole(1 << 16, 1 << 16), nodes)


def expanding() -> object:
    nodes = [
        h.make_node("Expand", ["obs", "w"], ["z"]),
        h.make_node("Exp", ["z"], ["e"]),
        h.make_node("ReduceSum", ["e"], ["y"], keepdims=0),
    ]
    return weighted(whole(1 << 16, 1 << 16, 6), nodes)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: external(False), UnsafeCheckpoint, "keeps weights in another file"),
        (lambda: external(True), UnsafeCheckpoint, "keeps weights in another file"),
        (lambda: tanh(domain="mine"), UnsafeCheckpoint, "uses Tanh from mine, a library"),
        (own_functions, UnsupportedCheckpoint, "defines functions of its own"),
        (lying, DamagedCheckpoint, r"\(w is not as large as its shape\)"),
        (batched, UnsupportedCheckpoint, "was exported for batches of 32"),
        (choosing, UnsupportedCheckpoint, "answers with chosen actions"),
        (noisy, UnsupportedCheckpoint, "draws random numbers"),
        (lambda: weighted(real(np.nan)), DamagedCheckpoint, "the training had diverged"),
        (growing, DamagedCheckpoint, "cannot be computed .*ConstantOfShape"),
        (expanding, DamagedCheckpoint, "cannot be computed"),
        (lambda: weighted(real(1, 2, 3)), DamagedCheckpoint, "cannot be computed"),
    ],
)
def test_what_is_no_policy_or_no_harmless_one_is_one_sentence(tmp_path, make, kind, words):
    path = saved(make(), tmp_path / "policy.onnx")
    with pytest.raises(kind, match=f"policy.onnx .*{words}"):
        opened(path)


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    path = saved(tanh(), tmp_path / "policy.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert Onnx().recognises(CheckpointFile(path, ""))
    with pytest.raises(UnsupportedCheckpoint, match=r"pip install 'policyscope\[onnx\]'"):
        opened(path)


def test_the_operators_are_those_of_the_standard():
    assert all(onnx.defs.has(operator) for operator in OPERATORS)


def test_a_compressed_model_is_the_same_model(tmp_path, network):
    path = exported(network, tmp_path / "policy.onnx", torch.zeros(1, 4))
    packed = tmp_path / "policy.onnx.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert Onnx().recognises(CheckpointFile(packed, ""))
    torch.testing.assert_close(opened(packed).scores(seen(4)), opened(path).scores(seen(4)))


def test_a_gzip_bomb_is_refused(tmp_path):
    path = tmp_path / "policy.onnx.gz"
    path.write_bytes(gzip.compress(b"\x08\x08" + bytes(1 << 27)))
    with pytest.raises(DamagedCheckpoint, match="unpacks to far too much"):
        opened(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08",
        b"\x08\x08",
        b"\x80\x02}",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"\x1f\x8b\x08junk",
        gzip.compress(b"text", mtime=0),
        b"\x08" + b"\xff" * 80,
        b"\x08\x01\x18\x02",
        b"\x08\x08" * 40,
    ],
)
def test_other_files_are_not_recognised(tmp_path, content):
    path = tmp_path / "policy.onnx"
    path.write_bytes(content)
    assert not Onnx().recognises(CheckpointFile(path, ""))


def test_a_missing_file_is_not_recognised(tmp_path):
    assert not Onnx().recognises(CheckpointFile(tmp_path / "gone.onnx", ""))


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> tuple[Path, bytes]:
    folder = tmp_path_factory.mktemp("intact")
    path = saved(recurrent([1, "batch", 5], "batch"), folder / "policy.onnx")
    return folder, path.read_bytes()


def loads_or_says(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    Onnx().recognises(CheckpointFile(path, ""))
    try:
        policy = opened(path)
    except CheckpointError as error:
        assert len(str(error)) > 20
        assert path.name in str(error)
    else:
        assert isinstance(policy, Policy)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_cut_off_is_a_sentence(intact, packed):
    folder, content = intact
    content = gzip.compress(content) if packed else content
    for end in range(0, len(content), len(content) // 30):
        path = folder / "cut.onnx"
        path.write_bytes(content[:end])
        with pytest.raises(CheckpointError, match="cut.onnx"):
            opened(path)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_a_spoilt_file_is_a_policy_or_a_sentence(intact, data):
    folder, content = intact
    spoilt = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    loads_or_says(folder / "spoilt.onnx", bytes(spoilt))


def test_a_published_policy_answers_as_onnxruntime_does(published):
    path = published / "go1-policy.onnx"
    if not path.is_file():
        pytest.skip("go1-policy.onnx is not among the published checkpoints")
    policy = opened(path)
    assert (policy.observation_shape, policy.outputs, policy.differentiable) == ((48,), 12, True)
    observations = seen(48)
    torch.testing.assert_close(
        policy.scores(observations)[0], one_by_one(path, observations), rtol=1e-5, atol=1e-5
    )
