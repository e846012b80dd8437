import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyscope.errors import UsageError
from policyscope.rollouts.expression import evaluate

VALUES = {"x": np.array([-1.0, 0.0, 2.0]), "o[1]": np.array([3.0, 4.0, 5.0])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [1, 1, 1]),
        ("x + 2 * o[1]", [5, 8, 12]),
        ("-x ** 2", [-1, 0, -4]),
        ("abs(x) < 1.5", [1, 1, 0]),
        ("-1 <= x < 2", [1, 1, 0]),
        ("x < 0 or x > 1", [1, 0, 1]),
        ("not x", [0, 1, 0]),
        ("x > -2 and o[1] > 3", [0, 1, 1]),
        ("o[1] if x > 0 else -1", [-1, -1, 5]),
        ("clip(x, -0.5, 1) + min(x, 0) + max(x, 0)", [-1.5, 0, 3]),
    ],
)
def test_an_expression_is_worth_what_python_says(text, expected):
    assert evaluate(text, VALUES).tolist() == expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "x.dtype",
        "x[0]",
        "[x for x in (1, 2)]",
        "(lambda: 1)()",
        "open('f')",
        "abs(x, x)",
        "abs(x=1)",
        "'text'",
        "1j",
        "x @ x",
        "x if",
        "y",
        "o[2]",
        "x is 1",
        "x in x",
        "1; 2",
        "(y := 1)",
        "f'{x}'",
        "",
        "1 / 0",
        "log(x)",
        "9 ** 9 ** 9 ** 9",
        "-" * 900 + "1",
        "(" * 300 + "1" + ")" * 300,
        "1" * 2000,
        "\0",
    ],
)
def test_everything_else_is_refused_in_a_sentence(text):
    with pytest.raises(UsageError):
        evaluate(text, VALUES)


def test_a_misspelt_name_is_guessed():
    with pytest.raises(UsageError, match="Did you mean pole_angle"):
        evaluate("pole_angel", {"pole_angle": np.zeros(2)})


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_number_or_refused(text):
    try:
        found = evaluate(text, VALUES)
    except UsageError:
        return
    assert found.shape == (3,)
    assert not any(isinstance(node, ast.Attribute) for node in ast.walk(ast.parse(text.strip())))
