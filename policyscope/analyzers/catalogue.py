"""What is known of an analyzer before it runs: its question, parameters, needs and measures."""

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Mapping
from typing import Any

from policyscope.reports.results import Failed, NotApplicable, Result


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One field of an analyzer."""

    name: str
    type: str
    default: str
    meaning: str


def question(kind: type[Any]) -> str:
    """What the analyzer asks: its docstring's first line."""
    return (inspect.getdoc(kind) or kind.__name__).splitlines()[0]


def parameters(kind: type[Any]) -> tuple[Parameter, ...]:
    """Its fields, with the docstrings that follow them in the source."""
    meanings = _field_docstrings(kind)
    types = typing.get_type_hints(kind)
    return tuple(
        Parameter(
            field.name,
            getattr(types[field.name], "__name__", str(types[field.name])),
            "required" if field.default is dataclasses.MISSING else repr(field.default),
            meanings.get(field.name, ""),
        )
        for field in dataclasses.fields(kind)
    )


def measures(kind: type[Any]) -> Mapping[str, str]:
    """Names of the numbers it may report, without its own name, and what they mean."""
    answer = typing.get_type_hints(kind.run)["return"]
    types = typing.get_args(answer) or (answer,)
    found: dict[str, str] = {}
    for result in types:
        if result not in (NotApplicable, Failed) and result in typing.get_args(Result):
            found |= result.MEASURES
    return found


def _field_docstrings(kind: type) -> dict[str, str]:
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):  # defined where no source is at hand
        return {}
    found: dict[str, str] = {}
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for before, after in zip(body, body[1:], strict=False):
        match before, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


def as_markdown(kinds: Mapping[str, type[Any]]) -> str:
    """Every analyzer with its question, parameters and measures: the text of `docs/measures.md`."""
    parts = [
        "# Measures\n",
        "Generated from the code. `{arm}` stands for what was played, brackets for conditions: "
        "`saliency.importance[feature=pole_angle]`. Each has a value, an interval with its "
        "confidence, a sample size and a unit: `policyscope show DIR --measures`.",
    ]
    for name, kind in kinds.items():
        parts.append(f"\n## {name}\n\n{question(kind)}\n")
        parts += [f"- `{name}.{measure}`: {text}" for measure, text in measures(kind).items()]
        parts.append("\n| parameter | type | default | meaning |\n|---|---|---|---|")
        parts += [
            f"| `{p.name}` | {p.type} | {p.default} | {p.meaning} |" for p in parameters(kind)
        ]
    return "\n".join(parts) + "\n"
