"""What the tests of certificates share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "checkpoints"


@pytest.fixture(scope="session")
def published() -> Path:
    """Policies that other people trained, beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the folder of published checkpoints is not beside the repository")
    return SHARED
