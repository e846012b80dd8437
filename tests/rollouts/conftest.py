from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def checkpoints() -> Path:
    """Published checkpoints, which lie beside the repository where there are any."""
    folder = Path(__file__).parents[3] / "shared" / "checkpoints"
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip("needs the published checkpoints in ../shared/checkpoints")
    return folder
