"""Habits of the house that no linter knows (see CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for package in ("policyscope", "attacks", "certify", "app")
    for path in (ROOT / package).rglob("*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_short_enough_to_be_read(path):
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_unpickled_or_loaded_with_its_code(path):
    text = path.read_text()
    calls = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)
    }
    assert not calls & {"pickle.load", "pickle.loads", "eval", "exec", "__import__"}
    assert "weights_only=False" not in text
    assert "allow_pickle=True" not in text


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_function_is_at_most_forty_lines(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            start = (
                node.body[1].lineno
                if ast.get_docstring(node) and node.body[1:]
                else node.body[0].lineno
            )
            assert (node.end_lineno or 0) - start < 40, node.name


NO_METHODS = (
    "__init__",
    "averaging",
    "catalogue",
    "direction_change",
    "impact",
    "reliance",
    "scoring",
    "single_changes",
    "subject",
)
METHODS = [p for p in SOURCES if p.parent.name == "analyzers" and p.stem not in NO_METHODS]


@pytest.mark.parametrize("path", METHODS, ids=lambda p: p.stem)
def test_a_method_is_one_file_with_one_public_class_named_alike(path):
    classes = [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert [name.lower() for name in classes] == [path.stem.replace("_", "")]
