import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from policyscope_attacks.budget import Budget
from scenes import scene, small

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "attacks.py"


def test_what_is_missing_is_named_in_a_sentence(tmp_path):
    (tmp_path / "foolbox.py").write_text("raise ImportError")
    ran = subprocess.run(
        [sys.executable, str(BENCHMARK), "policy.zip"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "pip install foolbox" in ran.stderr and "Traceback" not in ran.stderr


def test_both_attack_the_same_states_within_the_same_budget():
    pytest.importorskip("foolbox", reason="foolbox is installed for benchmarks only")
    attacks = runpy.run_path(str(BENCHMARK))
    at = scene(small("discrete"), Budget(1, torch.ones(4)), rows=200)
    task = attacks["Task"](at.policy, at.observations)
    setting = attacks["Setting"](10, 2, 0.25)
    ours, theirs = (attacks[who](task, setting, 0.1) for who in ("ours", "theirs"))
    assert task.flips(ours) >= task.flips(theirs) > 10
    assert task.flips(at.observations) == 0
    for shown, most in ((ours, 0.1), (theirs, 0.1 * (1 + 1e-4))):
        moved = np.abs(shown.double().numpy() - at.observations.double().numpy()).max()
        assert 0.09 < moved <= most
        assert attacks["longest"](task, shown) == moved
