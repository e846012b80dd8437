"""Shape annotations are checked while the tests run; nowhere else do they cost anything."""

from pathlib import Path

from jaxtyping import install_import_hook

install_import_hook(
    ["policyscope", "policyscope_attacks", "policyscope_certify"], "shapechecker.check"
).__enter__()

import pytest  # noqa: E402  after the hook, as everything that might import the package

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session")
def examples() -> Path:
    """The checkpoints that the repository ships."""
    return EXAMPLES


@pytest.fixture(scope="session")
def cartpole_report():
    """A real report of a shipped checkpoint."""
    from policyscope import Environment, analyze
    from policyscope.analysis import configured

    return analyze(
        EXAMPLES / "cartpole_dqn.zip",
        Environment("CartPole-v1", {"max_episode_steps": 100}),
        episodes=10,
        analyzers=configured(("directions", "returns", "saliency"), {}),
    )
