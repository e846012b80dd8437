"""Equations in LaTeX."""

import re
from collections.abc import Sequence

from policyscope.readable.equations import Equations
from policyscope.readable.text import bare


def as_latex(form: Equations, left: Sequence[str], names: Sequence[str]) -> str:
    """An `align` environment, a line for each left side.

    Args:
        form: The equations.
        left: What each of them is of.
        names: Of the features.
    """
    lines = []
    for output, name in enumerate(left):
        right = ""
        for coefficient, factors in form.terms(output):
            monomial = r" \, ".join(
                _upright(names[i]) + (f"^{{{power}}}" if power > 1 else "") for i, power in factors
            )
            sign = "-" if coefficient < 0 else "+" if right else ""
            right += f" {sign} {_latex_number(abs(coefficient))} {monomial}".rstrip()
        lines.append(rf"{_upright(name)} &= {right.strip() or '0'}")
    return "\n".join([r"\begin{align}", " \\\\\n".join(lines), r"\end{align}"])


def _upright(name: str) -> str:
    safe = re.sub(r"[^\w \-]", "", bare(name)).replace("_", r"\_")
    return rf"\mathrm{{{safe.replace(' ', r'~')}}}"


def _latex_number(number: float) -> str:
    mantissa, _, exponent = f"{number:.4g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
