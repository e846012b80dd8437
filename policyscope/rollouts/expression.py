"""Expressions over the names of observations: `abs(cart_position) < 0.1`, parsed and never run.

    expression  =  number | name | +, -, *, /, ** | <, <=, >, >=, ==, != | and, or, not
                |  a if b else c | abs, sqrt, exp, log, sin, cos, tanh, min, max, clip (…)

Names are those of the observation's features with _ for blanks, `o[3]` is feature 3, `a[0]` the
first dimension of the action, `reward` the environment's own. What a comparison says counts 1 or 0.
An expression is a tree that was parsed by Python's own parser, in which anything else is refused;
numpy evaluates it for all steps at once.

Reference: https://docs.python.org/3/library/ast.html (the grammar that it is a part of).
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from policyscope.errors import UsageError, did_you_mean

Values = Mapping[str, Float[np.ndarray, " step"]]
"""By name, what there is at every step: `cart_position`, `o[0]`, `a[0]`, `reward`."""

_LONGEST = 1000
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: lambda value: 1.0 * (value == 0),
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "abs": (np.abs, 1),
    "sqrt": (np.sqrt, 1),
    "exp": (np.exp, 1),
    "log": (np.log, 1),
    "sin": (np.sin, 1),
    "cos": (np.cos, 1),
    "tanh": (np.tanh, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
    "clip": (np.clip, 3),
}
"""Each with how many numbers it takes."""


def evaluate(text: str, values: Values) -> Float[np.ndarray, " step"]:
    """What an expression is at every step.

    Raises:
        UsageError: If it is none, or names what there is not, or is not finite somewhere.
    """
    steps = len(next(iter(values.values())))
    try:
        with np.errstate(all="ignore"):
            found = _value(_parsed(text), text, values)
    except RecursionError as error:
        raise UsageError(f"The expression {text!r} is nested too deeply.") from error
    found = np.broadcast_to(np.asarray(found, np.float64), steps).copy()
    if not np.isfinite(found).all():
        raise UsageError(f"The expression {text!r} is not finite at every step.")
    return found


def _parsed(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise UsageError(f"An expression has at most {_LONGEST} characters, not {len(text)}.")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{text!r} is no expression: {error}.") from error


def _value(node: ast.expr, text: str, values: Values) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, text, values), _value(right, text, values))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand, text, values))
        case ast.Name() | ast.Subscript():
            return _named(node, values)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            function, taken = _FUNCTIONS[name]
            if len(args) != taken:
                raise UsageError(f"{name} takes {taken} numbers, not {len(args)}, in {text!r}.")
            return function(*(_value(argument, text, values) for argument in args))
        case ast.Compare() | ast.BoolOp() | ast.IfExp():
            return _decided(node, text, values)
    raise UsageError(
        f"{ast.unparse(node)!r} has no place in the expression {text!r}; it may hold numbers, "
        f"features, + - * / **, comparisons, and, or, not, if-else and {', '.join(_FUNCTIONS)}."
    )


def _decided(node: ast.Compare | ast.BoolOp | ast.IfExp, text: str, values: Values) -> Any:
    """Comparisons and what is made of them, 1 for true and 0 for false."""

    def of(part: ast.expr) -> Any:
        return _value(part, text, values)

    if isinstance(node, ast.IfExp):
        return np.where(np.not_equal(of(node.test), 0), of(node.body), of(node.orelse))
    if isinstance(node, ast.BoolOp):
        parts = [np.not_equal(of(part), 0) for part in node.values]
        together = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return 1.0 * together.reduce(np.broadcast_arrays(*parts))
    terms = [of(part) for part in (node.left, *node.comparators)]
    holds = True
    for op, left, right in zip(node.ops, terms, terms[1:], strict=False):
        if type(op) not in _COMPARISONS:
            raise UsageError(f"{ast.unparse(node)!r} compares in a way that {text!r} cannot have.")
        holds = np.logical_and(holds, _COMPARISONS[type(op)](left, right))
    return 1.0 * holds


def _named(node: ast.Name | ast.Subscript, values: Values) -> Any:
    name = ast.unparse(node)
    if name not in values:
        known = ", ".join(list(values)[:40])
        raise UsageError(
            f"There is no {name!r} here; there are {known}.{did_you_mean(name, values)}"
        )
    return values[name]
