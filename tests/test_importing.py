"""Importing is free, and the public names are where they are said to be."""

import subprocess
import sys

import pytest

import policyscope


def imported_by(statement: str) -> set[str]:
    """Modules in a fresh interpreter after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


def test_importing_policyscope_loads_nothing_heavy():
    assert not imported_by("import policyscope") & {"torch", "numpy", "rich", "typer", "pydantic"}


def test_help_needs_neither_torch_nor_numpy():
    statement = (
        "from typer.testing import CliRunner\n"
        "from policyscope.cli import app\n"
        "assert 'analyze' in CliRunner().invoke(app, ['--help']).stdout"
    )
    heavy = {"torch", "numpy", "scipy", "gymnasium", "plotly", "captum", "jinja2"}
    assert not imported_by(statement) & heavy


@pytest.mark.parametrize("name", policyscope.__all__)
def test_every_public_name_is_at_home(name):
    assert getattr(policyscope, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        policyscope.analyse  # noqa: B018
