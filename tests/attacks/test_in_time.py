from dataclasses import dataclass

import pytest
from policyscope_attacks import in_time
from policyscope_attacks.in_time import run_in_time


@dataclass(frozen=True)
class Costing:
    seconds: float
    passes: int = 1
    minutes: float = 0


@pytest.fixture
def clock(monkeypatch):
    passed = [0.0]
    monkeypatch.setattr(in_time, "process_time", lambda: passed[0])

    def run(name, candidate):
        passed[0] += candidate.seconds
        return name.upper() if candidate.seconds else None

    return run


def test_a_candidate_that_would_be_late_is_left_out_and_a_shorter_one_is_not(clock):
    candidates = {"noise": Costing(6), "slow": Costing(60, passes=10), "fast": Costing(6, passes=9)}
    runs, left_out = run_in_time(candidates, 1.0, clock)
    assert runs == {"noise": "NOISE", "fast": "FAST"}
    assert left_out == ("slow",)


def test_the_first_is_run_however_long_it_takes_and_nothing_after_its_time(clock):
    candidates = {"noise": Costing(600, passes=100, minutes=9), "fast": Costing(1)}
    assert run_in_time(candidates, 1.0, clock) == ({"noise": "NOISE"}, ("fast",))


def test_what_needs_more_minutes_is_left_out_and_what_makes_no_sense_is_neither(clock):
    candidates = {"noise": Costing(1), "senseless": Costing(0), "long": Costing(1, minutes=2)}
    assert run_in_time(candidates, 1.9, clock) == ({"noise": "NOISE"}, ("long",))
    assert run_in_time(candidates, 2.0, clock)[1] == ()
