"""A report that has everything in it, and the page opened on a folder, without a browser."""

import dataclasses
import sys
from pathlib import Path

import explained
import numpy as np
import pytest
from policyscope_app import dashboard
from streamlit.testing.v1 import AppTest

from policyscope.provenance import Checkpoint
from policyscope.reports import findings
from policyscope.reports.report import Entry, Played, Report
from policyscope.reports.results import Attribution, EpisodeReturns, Failed, NotApplicable

FEATURES = ("cart position", "pole_angle")


def returns(better: float = 400.0) -> EpisodeReturns:
    rng = np.random.default_rng(0)
    played = np.stack([rng.normal(better, 10, 20), rng.normal(20, 5, 20)])
    return EpisodeReturns(
        arms=("clean", "random"),
        returns=played,
        lengths=np.full((2, 20), 500),
        truncated=np.stack([np.ones(20, bool), np.zeros(20, bool)]),
        confidence=0.95,
    )


def attribution() -> Attribution:
    rng = np.random.default_rng(1)
    return explained.attribution(
        (0.99, 0.01),
        30,
        features=FEATURES,
        states=rng.normal(size=(30, 2)),
        decision=rng.normal(size=(30, 1, 2)),
        completeness_error=explained.estimate(0.2, 0.1, 20),
    )


def make(
    file: str = "cartpole.zip", better: float = 400.0, notices: tuple[str, ...] = ()
) -> Report:
    checkpoint = Checkpoint(
        file=file,
        digest="0123456789abcdef" * 4,
        format="stable-baselines3 zip",
        algorithm=None,
        library=None,
        architecture="2 → 8 → 2, tanh",
        parameters=1234,
        observations="(2,) float32",
        actions="2 discrete actions",
        scores="logits",
        unknown=("the version that wrote it",),
    )
    report = Report(
        checkpoint=checkpoint,
        environment=Played("Cart-v0", "Cart-v1", {"gravity": 9.8}, FEATURES, ("left", "right")),
        seed=7,
        episodes=20,
        versions={"policyscope": "0.1.0", "numpy": "2.4.6"},
        notices=notices,
        entries={
            "returns": Entry({"confidence": 0.95}, returns(better)),
            "saliency": Entry({"states": 30, "steps": 50}, attribution()),
            "pixels": Entry({}, NotApplicable("needs images, and these are 2 numbers")),
            "broken": Entry({"k": 3}, Failed("ValueError: k must be even")),
        },
        timings={"playing": 1.5, "saliency": 0.25},
    )
    return dataclasses.replace(report, findings=findings.find(report))


@pytest.fixture
def made():
    """Makes a report of a file, a return and notices."""
    return make


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Opens the page on a folder, `tmp_path` unless told otherwise."""

    def open_page(*arguments: Path) -> AppTest:
        folders = [str(folder) for folder in arguments] or [str(tmp_path)]
        monkeypatch.setattr(sys, "argv", [dashboard.__file__, *folders])
        return AppTest.from_file(dashboard.__file__, default_timeout=30).run()

    return open_page
