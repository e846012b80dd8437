"""The wheel holds what it should, and runs where nothing else is installed."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def call(*words: str | Path, cwd: Path) -> str:
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_four_packages_and_nothing_that_anyone_else_would_own(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {"policyscope", "policyscope_attacks", "policyscope_certify", "policyscope_app"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    for package in packages:
        assert f"{package}/py.typed" in names
    assert "policyscope/reports/page.html.j2" in names


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_runs_in_a_clean_environment(wheel, tmp_path):
    # with the dependencies of the command line alone: --help is to need no more than these
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    call(python, "-m", "pip", "install", "--no-deps", wheel, cwd=tmp_path)
    call(python, "-m", "pip", "install", "-c", ROOT / "constraints.txt", "typer", cwd=tmp_path)
    text = call(tmp_path / "clean" / "bin" / "policyscope", "--help", cwd=tmp_path)
    for command in ("analyze", "show", "list", "inspect", "dashboard"):
        assert command in text
    call(
        python,
        "-c",
        "import policyscope_attacks, policyscope_certify, policyscope_app",
        cwd=tmp_path,
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_strangers_analyzer_is_found_run_and_reported(tmp_path, examples):
    # installed beside the packages of this environment, and seen by no other test
    call(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--target",
        tmp_path / "site",
        ROOT / "tests" / "plugin",
        cwd=tmp_path,
    )
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
from policyscope.cli import app
from typer.testing import CliRunner
listed = CliRunner().invoke(app, ["list"])
assert "How often does the policy change its action?" in listed.stdout
assert "'broken' cannot be imported" in listed.stderr
arguments = ["analyze", {str(examples / "cartpole_dqn.zip")!r}, "--env", "CartPole-v1"]
arguments += ["--episodes", "3", "--only", "steadiness", "--set", "steadiness.penalty=0.5"]
analyzed = CliRunner().invoke(app, arguments)
assert analyzed.exit_code == 0, analyzed.output
shown = CliRunner().invoke(app, ["show", "cartpole_dqn-report", "--measures"])
print(shown.stdout)
"""
    text = call(sys.executable, "-c", script, cwd=tmp_path)
    assert "steadiness.changes.mean" in text
