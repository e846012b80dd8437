from importlib.metadata import EntryPoint

import pytest

from policyscope import registry
from policyscope.errors import UsageError

POINTS = (
    EntryPoint("good", "json:loads", "policyscope.analyzers"),
    EntryPoint("broken", "no_such_module:Thing", "policyscope.analyzers"),
)


@pytest.fixture
def points(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", lambda group: POINTS)


@pytest.mark.usefixtures("points")
def test_a_plug_in_that_cannot_be_imported_is_reported_and_the_others_work():
    working, broken = registry.everything(registry.ANALYZERS)
    assert list(working) == ["good"]
    assert len(broken) == 1
    assert "'broken' cannot be imported (ModuleNotFoundError" in broken[0]


@pytest.mark.usefixtures("points")
def test_asking_for_a_broken_plug_in_gives_the_reason():
    with pytest.raises(UsageError, match="no_such_module"):
        registry.find(registry.ANALYZERS, "broken")


def test_our_own_loaders_and_analyzers_are_found_like_a_strangers():
    assert {"returns", "saliency"} <= set(registry.names(registry.ANALYZERS))
    assert {"sb3", "state_dict", "exported"} <= set(registry.names(registry.LOADERS))
