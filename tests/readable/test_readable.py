import numpy as np
import pytest
import torch
from hypothesis import given, settings
from reading import observations, parts
from sklearn.preprocessing import PolynomialFeatures

from policyscope.policies.readable import policy_of
from policyscope.readable.equations import Equations, monomials
from policyscope.readable.latex import as_latex
from policyscope.readable.python import as_python
from policyscope.readable.readable import Readable
from policyscope.readable.storage import as_json, from_json
from policyscope.readable.text import as_text
from policyscope.readable.tree import LARGEST, LEAF, Tree

PUSH = Readable(
    Equations.linear(np.array([[0.0, 0.0], [0.0, 2.5]]), np.array([0.0, -0.5])),
    ("cart position (m)", "pole angle (rad)"),
    ("push left", "push right"),
    groups=(2,),
    starts=(0,),
)
STUMP = Tree(
    np.array([1, LEAF, LEAF]),
    np.array([0.5, 0.0, 0.0]),
    np.array([1, LEAF, LEAF]),
    np.array([2, LEAF, LEAF]),
    np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
)


def python_policy(readable: Readable):
    """What somebody has who runs the file."""
    written = {}
    exec(as_python(readable), written)  # noqa: S102  our own text, which is what is tested
    return written["policy"]


@settings(max_examples=150, deadline=None)
@given(parts())
def test_python_the_network_and_the_data_decide_alike(drawn):
    readable = Readable(**drawn)
    seen = observations(len(readable.features))
    decided = readable.decisions(seen)
    scores = readable.scores(seen)
    spoken = np.array([np.atleast_1d(python_policy(readable)(row.tolist())) for row in seen])
    network, memory = policy_of(readable, "drawn").scores(torch.from_numpy(seen))
    np.testing.assert_allclose(network.numpy(), scores, rtol=1e-5, atol=1e-4)
    assert memory == ()
    if readable.discrete:
        clear = np.abs(np.sort(scores, 1)[:, -1:] - np.sort(scores, 1)[:, -2:-1]) > 1e-6
        if readable.groups == (scores.shape[1],):
            np.testing.assert_array_equal(spoken[clear[:, 0]], decided[clear[:, 0]])
    else:
        np.testing.assert_allclose(spoken, decided, rtol=1e-9, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(parts())
def test_a_file_gives_back_the_same_policy(drawn):
    readable = Readable(**drawn)
    again = from_json(as_json(readable))
    assert as_json(again) == as_json(readable)
    seen = observations(len(readable.features))
    np.testing.assert_array_equal(again.scores(seen), readable.scores(seen))
    assert (again.features, again.actions) == (readable.features, readable.actions)


def test_monomials_are_those_of_scikit_learn():
    seen = observations(3)
    reference = PolynomialFeatures(3).fit(seen)
    np.testing.assert_allclose(monomials(seen, reference.powers_), reference.transform(seen))


def test_equations_have_gradients():
    policy = policy_of(
        Readable(
            Equations(np.array([[0], [2]]), np.array([[1.0], [3.0]])),
            ("x",),
            ("force",),
            low=(None,),
            high=(None,),
        ),
        "square",
    )
    seen = torch.tensor([[0.0], [2.0]], requires_grad=True)
    policy.scores(seen)[0].sum().backward()
    assert seen.grad.tolist() == [[0.0], [12.0]]
    assert policy.differentiable


def test_several_choices_are_made_each_for_itself():
    two = Readable(
        Equations(np.zeros((1, 1), int), np.array([[1.0, 2.0, 9.0, 3.0, 4.0]])),
        ("x",),
        ("a", "b", "c", "d", "e"),
        groups=(2, 3),
        starts=(0, 5),
    )
    assert two.decisions(np.zeros((1, 1))).tolist() == [[1, 5]]
    assert python_policy(two)([0.0]) == [1, 5]
    assert as_text(two)[-1] == "the largest score of each choice is done"


def test_words_say_what_is_done():
    assert as_text(PUSH) == ("push right where −0.5 + 2.5 pole angle > 0, else push left",)
    tree = Readable(STUMP, PUSH.features, PUSH.actions, (2,), (0,))
    assert as_text(tree) == ("if pole angle ≤ 0.5: push left", "if 0.5 < pole angle: push right")
    force = Readable(
        Equations(np.array([[2, 1]]), np.array([[-3.0]])),
        ("x", "y"),
        ("force",),
        low=(-1.0,),
        high=(1.0,),
    )
    assert as_text(force) == ("force = −3 x² · y, kept within [-1, 1]",)
    assert (PUSH.kind, tree.kind, force.kind) == (
        "linear, 2 coefficients",
        "tree of 2 leaves",
        "cubic, 1 coefficients",
    )
    assert (PUSH.size, tree.size) == (2, 3)


def test_the_narrowest_of_several_questions_is_told():
    deep = Tree(
        np.array([0, LEAF, 0, LEAF, LEAF]),
        np.array([0.0, 0, 2.0, 0, 0]),
        np.array([1, LEAF, 3, LEAF, LEAF]),
        np.array([2, LEAF, 4, LEAF, LEAF]),
        np.array([[0.0], [1.0], [0.0], [2.0], [3.0]]),
    )
    readable = Readable(deep, ("x",), ("u",), low=(None,), high=(None,))
    assert as_text(readable) == ("if x ≤ 0: u = 1", "if 0 < x ≤ 2: u = 2", "if 2 < x: u = 3")
    assert readable.decisions(np.array([[-1.0], [0.0], [1.0], [5.0]])).T.tolist() == [[1, 1, 2, 3]]


def test_latex_writes_powers_of_ten():
    form = Equations(np.array([[0], [2]]), np.array([[-1.5e-7], [2.0]]))
    assert as_latex(form, ["torque (N m)"], ["x_1"]) == (
        "\\begin{align}\n\\mathrm{torque} &= - 1.5 \\cdot 10^{-7} + 2 \\mathrm{x\\_1}^{2}\n"
        "\\end{align}"
    )


@pytest.mark.parametrize("name", ['x"""; import os', "a\nraise", "0 or exit()", "lambda"])
def test_names_from_a_strangers_report_do_not_become_code(name):
    hostile = Readable(PUSH.form, (name, name), PUSH.actions, (2,), (0,))
    assert python_policy(hostile)([0.0, 1.0]) == 1
    assert name not in as_python(hostile)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Equations(np.array([[21]]), np.ones((1, 1))), "between 0 and 20"),
        (lambda: Equations(np.array([[1]]), np.array([[np.nan]])), "finite"),
        (lambda: Readable(PUSH.form, ("x",), PUSH.actions, (2,), (0,)), "names"),
        (lambda: Readable(PUSH.form, PUSH.features, ("a",), (2,), (0,)), "2 scores and names 1"),
        (lambda: Readable(PUSH.form, PUSH.features, PUSH.actions, (3,), (0,)), "do not add up"),
        (lambda: Readable(PUSH.form, PUSH.features, PUSH.actions), "two bounds each"),
        (lambda: _tree([0, 0, LEAF], [1, 1, LEAF], [2, 2, LEAF]), "is below one"),
        (lambda: _tree([0, LEAF, LEAF], [0, LEAF, LEAF], [2, LEAF, LEAF]), "is below one"),
        (lambda: _tree([0, LEAF, LEAF], [1, LEAF, LEAF], [3, LEAF, LEAF]), "is below one"),
        (lambda: _tree([LEAF, LEAF], [LEAF, LEAF], [LEAF, LEAF]), "is below one"),
        (lambda: _tree([-2], [0], [0]), "is below one"),
        (lambda: _tree(*[[LEAF] * (LARGEST + 1)] * 3), "at most 4,095 nodes"),
    ],
)
def test_what_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def _tree(asked: list[int], below: list[int], above: list[int]) -> Tree:
    nodes = len(asked)
    return Tree(
        np.array(asked), np.zeros(nodes), np.array(below), np.array(above), np.zeros((nodes, 1))
    )
