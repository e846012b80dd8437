"""A torch.export program is arithmetic of bounded size, or refused before any of it is run."""

import contextlib
import io
import itertools
import json
import logging
import pickle
import resource
import warnings
import zipfile

import pytest
import torch
from exports import edited, flat, node, pickled, root, saved, torch_file
from payloads import Call, payloads
from torch import Tensor, nn
from zips import archive, members, with_member

from policyscope.errors import (
    CheckpointError,
    DamagedCheckpoint,
    UnsafeCheckpoint,
    UnsupportedCheckpoint,
)
from policyscope.policies.loading import load

ONE = torch.zeros(1, 4)


class Adding(nn.Module):
    """A policy with a weight and a constant, edited below."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.constant = torch.ones(4)

    def forward(self, observations: Tensor) -> Tensor:
        return self.layer(observations) + self.constant


@pytest.fixture
def path(tmp_path):
    """An intact program, with a free batch."""
    return saved(Adding(), tmp_path / "policy.pt2", torch.zeros(3, 4), free=True)


def loaded_by_torch(path) -> None:
    # what it runs has run by then, whether it likes the answer or not
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        torch.export.load(io.BytesIO(path.read_bytes()))


def unpickling(path, part: str, prefix: str, payload: bytes) -> None:
    """Have a weight or constant pickled."""
    name = f"{root(path)}/data/{part}/{prefix}_0"

    def change(config) -> None:
        for entry in config["config"].values():
            entry |= {"use_pickle": True, "path_name": f"{prefix}_0"}

    edited(path, change, f"model_{part}_config.json")
    path.write_bytes(archive(members(path) | {name: payload}))


PLACES = [("weights", "weight"), ("constants", "tensor"), ("constants", "opaque_obj")]


@pytest.mark.parametrize(("part", "prefix"), PLACES)
def test_these_pickles_bite_torch_itself(path, marker, part, prefix):
    payload = Call(exec, f"open({str(marker)!r}, 'w').close()")
    content = torch_file(payload) if prefix != "opaque_obj" else pickle.dumps(payload)
    unpickling(path, part, prefix, content)
    loaded_by_torch(path)
    assert marker.exists()


@pytest.mark.parametrize(("part", "prefix"), [*PLACES, ("constants", "custom_obj")])
def test_pickles_among_the_tensors_stay_dead(path, marker, part, prefix):
    intact = path.read_bytes()
    code = Call(exec, f"open({str(marker)!r}, 'w').close()")
    for payload in (torch_file(code), torch_file({"a": code}), *payloads(marker).values()):
        path.write_bytes(intact)
        unpickling(path, part, prefix, payload)
        with pytest.raises(CheckpointError):
            load(path)
        assert not marker.exists()


@pytest.mark.parametrize("layout", [pickled, flat])
def test_pickles_of_older_layouts_stay_dead(path, marker, layout):
    parts = members(layout(path))
    code = Call(exec, f"open({str(marker)!r}, 'w').close()")
    for name in [n for n in parts if n.endswith(".pt") and "inputs" not in n]:
        for payload in (torch_file({"layer.weight": code}), *payloads(marker).values()):
            path.write_bytes(archive(parts | {name: payload}))
            with pytest.raises(CheckpointError):
                load(path)
            assert not marker.exists()


def test_symbols_are_left_alone(path, marker):
    def change(program) -> None:
        for value in program["graph_module"]["graph"]["tensor_values"].values():
            for size in value["sizes"]:
                if "as_expr" in size:
                    size["as_expr"]["expr_str"] = f"open({str(marker)!r}, 'w').close()"

    edited(path, change)
    assert load(path).outputs == 4
    assert not marker.exists()
    loaded_by_torch(path)
    assert marker.exists()


def test_sample_inputs_are_left_alone(path, marker, monkeypatch):
    payload = torch_file(Call(exec, f"open({str(marker)!r}, 'w').close()"))
    path.write_bytes(with_member(path, "sample_inputs/model.pt", payload))
    assert load(path).outputs == 4
    assert not marker.exists()
    monkeypatch.setattr(logging, "raiseExceptions", False)  # torch words one of its logs wrongly
    loaded_by_torch(path)
    assert marker.exists()


def with_node(path, target: str, output=None, **arguments):
    """Put a step before the others."""
    made = node(target, output or {"as_tensor": {"name": "side"}}, **arguments)

    def change(program) -> None:
        program["graph_module"]["graph"]["nodes"].insert(0, made)

    return edited(path, change)


X = {"as_tensor": {"name": "observations"}}
TARGETS = [
    "torch.ops.aten.from_file.default",
    "torch.ops.aten.rand_like.default",
    "torch.ops.aten.as_strided.default",
    "torch.ops.aten.set_.source_Tensor",
    "torch.ops.aten.resize_.default",
    "torch.ops.aten.add.out",
    "torch.ops.aten.add.no_such",
    "torch.ops.aten.add.str",
    "torch.ops.aten.mul.left_t",
    "torch.ops.aten.item.default",
    "torch.ops.aten.__class__.default",
    "torch.ops.prim.device.default",
    "torch.ops.quantized.linear_dynamic.default",
    "torch.ops.higher_order.cond",
    "torch.ops.mine.add.default",
    "torch.save",
    "os.system",
    "builtins.eval",
    "_operator.pow",
    "_operator.attrgetter",
    "math.factorial",
    "",
]


@pytest.mark.parametrize("target", TARGETS)
def test_an_operator_outside_the_list_is_named(path, target):
    with pytest.raises(UnsafeCheckpoint, match="which is not on the list of arithmetic") as error:
        load(with_node(path, target, self=X))
    assert f"calls {target}," in str(error.value)


def test_an_operator_inside_another_graph_is_named(path):
    inner = {
        "inputs": [X],
        "outputs": [X],
        "nodes": [node("os.system", {"as_none": True}, self=X)],
        "tensor_values": {},
    }
    graph = {"as_graph": {"name": "inner", "graph": inner}}
    target = "torch.ops.higher_order.wrap_with_set_grad_enabled"
    with pytest.raises(UnsafeCheckpoint, match="calls os.system"):
        load(with_node(path, target, a={"as_bool": False}, b=graph, c=X))


def ints(*values: int) -> dict:
    return {"as_ints": list(values)}


LARGE = {
    "zeros": {"size": ints(1 << 20, 1 << 20)},
    "zeros overflowing": {"size": ints(1 << 40, 1 << 40)},
    "full": {"size": ints(1 << 33), "fill_value": {"as_float": 1.0}},
    "arange": {"end": {"as_int": 1 << 40}},
    "expand": {"self": X, "size": ints(1 << 33, 4)},
    "repeat": {"self": X, "repeats": ints(1 << 20, 1 << 20)},
    "constant_pad_nd": {"self": X, "pad": ints(0, 1 << 36)},
}


@pytest.mark.parametrize("name", LARGE)
def test_a_few_bytes_cannot_make_many_numbers(path, name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DamagedCheckpoint):
        load(with_node(path, f"torch.ops.aten.{name.split()[0]}.default", **LARGE[name]))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 256 * 1024, f"{grown:,} KiB"


def test_many_steps_cannot_make_many_numbers(path):
    for _ in range(40):
        with_node(path, "torch.ops.aten.zeros.default", size=ints(1 << 19))
    with pytest.raises(DamagedCheckpoint, match="more than 16,777,216 numbers"):
        load(path)


def test_a_tensor_is_not_taken_apart_into_very_many(path):
    many = {"as_tensors": [{"name": f"part {i}"} for i in range(3)]}
    with_node(path, "torch.ops.aten.unbind.int", many, self={"as_tensor": {"name": "side"}})
    with_node(path, "torch.ops.aten.zeros.default", size=ints(1 << 22))
    with pytest.raises(DamagedCheckpoint, match="65,536 rows apart"):
        load(path)


def test_sizes_stay_small(path):
    number = {"as_sym_int": {"as_name": "size"}}
    for _ in range(40):
        with_node(path, "_operator.mul", number, a=number, b=number)
    with_node(path, "_operator.mul", number, a={"as_int": 9}, b={"as_int": 9})
    with pytest.raises(DamagedCheckpoint, match="a size that no tensor has"):
        load(path)


def test_sizes_are_computed_of_numbers_alone(path):
    text, number = {"as_string": "x"}, {"as_int": 1 << 40}
    with pytest.raises(DamagedCheckpoint, match="something else than numbers"):
        load(with_node(path, "_operator.mul", {"as_sym_int": {"as_name": "a"}}, a=text, b=number))


def test_sizes_are_computed(path):
    number = {"as_sym_int": {"as_name": "size"}}
    intact = load(path).scores(torch.ones(2, 4))[0]
    size = {"as_sym_ints": [{"as_name": "size"}, {"as_int": 2}]}
    with_node(path, "torch.ops.aten.zeros.default", size=size)
    with_node(path, "_operator.add", number, a={"as_int": 2}, b={"as_int": 3})
    torch.testing.assert_close(load(path).scores(torch.ones(2, 4))[0], intact)


@pytest.mark.parametrize("target", ["add_.Scalar", "mul_.Scalar", "relu_.default"])
def test_weights_that_a_call_changes_are_refused(path, target):
    weight = {"as_tensor": {"name": "p_layer_weight"}}
    more = {} if "relu" in target else {"other": {"as_float": 2.0}}
    with pytest.raises(UnsupportedCheckpoint, match="changes its own weights"):
        load(with_node(path, f"torch.ops.aten.{target}", self=weight, **more))


@pytest.mark.parametrize(
    "meta",
    [
        {"sizes": [{"as_int": 1 << 30}, {"as_int": 4}]},
        {"sizes": [{"as_int": -4}, {"as_int": 4}]},
        {"strides": [{"as_int": 1 << 20}, {"as_int": 1}]},
        {"strides": [{"as_int": -4}, {"as_int": 1}]},
        {"storage_offset": {"as_int": 1}},
        {"storage_offset": {"as_int": -1}},
        {"sizes": "many"},
        {"dtype": 99},
        {"layout": 2},
    ],
    ids=str,
)
def test_every_tensor_is_held_against_its_bytes(path, meta):
    def change(config) -> None:
        config["config"]["layer.weight"]["tensor_meta"] |= meta

    with pytest.raises(CheckpointError, match="^policy.pt2 "):
        load(edited(path, change, "model_weights_config.json"))


def test_members_that_lead_elsewhere_are_not_followed(path):
    def change(config) -> None:
        config["config"]["layer.weight"]["path_name"] = "../../../../etc/passwd"

    with pytest.raises(DamagedCheckpoint, match="KeyError"):
        load(edited(path, change, "model_weights_config.json"))


GRAPHS = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "no text": bytes(range(256)),
    "long": b" " * (1 << 25),
    "other": b'{"schema_version": {"major": 8}, "graph_module": {"graph": 1, "signature": []}}',
    "long number": b'{"schema_version": {"major": ' + b"9" * 5000 + b"}}",
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_that_is_none_is_one_sentence(path, name):
    path.write_bytes(with_member(path, "models/model.json", GRAPHS[name]))
    with pytest.raises(CheckpointError, match="^policy.pt2 "):
        load(path)


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.slow)])
def test_each_part_of_the_graph_may_be_missing_or_strange(path, every):
    parts = members(path)
    (name,) = [n for n in parts if n.endswith("model.json")]
    program = json.loads(parts[name])

    def spoilt(value, keys=()):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            if key in ("metadata", "module_call_graph", "treespec_namedtuple_fields"):
                continue
            yield (*keys, key)
            if isinstance(inner, dict | list):
                yield from spoilt(inner, (*keys, key))

    places = spoilt(program["graph_module"])
    cases = list(itertools.product(places, (None, [], {}, "x", -1, 1e999)))
    assert len(cases) > 1000
    for where, other in cases[::every]:
        content = json.loads(parts[name])
        inner = content["graph_module"]
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = other
        path.write_bytes(archive(parts | {name: json.dumps(content).encode()}))
        try:
            load(path)
        except CheckpointError as error:
            assert str(error).startswith("policy.pt2 "), where


def test_a_zip_bomb_is_refused(path):
    parts = members(path) | {f"{root(path)}/data/weights/weight_0": bytes(1 << 28)}
    path.write_bytes(archive(parts, zipfile.ZIP_DEFLATED))
    with pytest.raises(DamagedCheckpoint, match="which no policy does"):
        load(path)


def test_compiled_code_is_refused(path):
    path.write_bytes(archive({"policy/data/aotinductor/model/a.so": b"\x7fELF"}))
    with pytest.raises(UnsafeCheckpoint, match="holds compiled code"):
        load(path)
