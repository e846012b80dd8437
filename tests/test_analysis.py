import dataclasses
from pathlib import Path
from typing import ClassVar

import handmade
import numpy as np
import pytest
from gymnasium import spaces
from torch import nn

from policyscope import Environment, analyze, load, registry
from policyscope.analysis import configured, literal
from policyscope.analyzers.directions import Directions
from policyscope.analyzers.returns import Returns
from policyscope.analyzers.saliency import Saliency
from policyscope.analyzers.subject import Need
from policyscope.errors import EnvironmentMismatch, UsageError
from policyscope.provenance import digest
from policyscope.reports.report import Recorded, read, write
from policyscope.reports.results import Attribution, EpisodeReturns, Failed, NotApplicable
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.play import play
from policyscope.rollouts.recording import Recording

SHORT = {"max_episode_steps": 50}
FEW = {
    "attacks.only": "('sign_noise', 'pgd', 'steady_push')",
    "certify.episodes": "200",
    "shapley.steps": "300",
    "shapley.tries": "3",
    "sindy.degree": "3",
    "sindy.episodes": "4",
    "sindy.rounds": "1",
    "sindy.trials": "3",
}
"""Of what surrogates practise."""


def every_analyzer() -> dict:
    """All of ours, with little practice."""
    kinds = registry.everything(registry.ANALYZERS)[0]
    ours = [name for name, kind in kinds.items() if kind.__module__.startswith("policyscope")]
    return configured(ours, FEW)


def test_three_lines_lead_from_a_checkpoint_to_a_report(examples):
    environment = Environment("CartPole-v1", SHORT)
    report = analyze(load(examples / "cartpole_dqn.zip"), environment, episodes=5)
    assert set(report.entries) >= {"returns", "saliency"}
    assert report.measure("returns.clean.mean").estimate.value == 50.0
    assert report.environment.features[2] == "pole angle (rad)"


@pytest.mark.slow
def test_the_same_seed_gives_a_byte_identical_report_on_any_number_of_lanes(examples, tmp_path):
    for name, lanes in (("a", None), ("b", 3)):
        pendulum = Environment("Pendulum-v1", SHORT)
        asked = {"episodes": 4, "seed": 11, "lanes": lanes, "analyzers": every_analyzer()}
        report = analyze(examples / "pendulum_sac.zip", pendulum, **asked)
        write(report, tmp_path / name, {})
    first, second = ((tmp_path / n / "report.json").read_bytes() for n in "ab")
    assert first == second


def test_another_seed_gives_other_numbers(examples):
    returns = [
        analyze(
            examples / "pendulum_sac.zip",
            "Pendulum-v1",
            episodes=3,
            seed=seed,
            analyzers={"returns": Returns()},
        )
        .measure("returns.clean.mean")
        .estimate.value
        for seed in (0, 1)
    ]
    assert returns[0] != returns[1]


def test_which_analyzers_run_changes_no_number(examples):
    policy, cartpole = examples / "cartpole_ppo.zip", Environment("CartPole-v1", SHORT)
    both = analyze(
        policy,
        cartpole,
        episodes=4,
        analyzers={"returns": Returns(), "directions": Directions(), "saliency": Saliency()},
    )
    alone = analyze(policy, cartpole, episodes=4, analyzers={"saliency": Saliency()})
    key = "saliency.importance[feature=pole_angle]"
    assert both.measure(key) == alone.measure(key)


@dataclasses.dataclass(frozen=True)
class Explodes:
    """Does it break?"""

    needs: ClassVar[tuple[Need, ...]] = ()

    def run(self, subject, rng) -> EpisodeReturns:
        raise ZeroDivisionError("in the middle")


def test_a_failing_analyzer_is_reported_and_the_others_go_on(examples):
    report = analyze(
        examples / "cartpole_ppo.zip",
        "CartPole-v1",
        episodes=2,
        analyzers={"explodes": Explodes(), "returns": Returns()},
    )
    assert report.entries["explodes"].result == Failed("ZeroDivisionError: in the middle")
    assert report.measure("returns.clean.mean").estimate.n == 2


def test_an_unmet_need_is_answered_with_its_reason(examples):
    policy = dataclasses.replace(load(examples / "cartpole_ppo.zip"), differentiable=False)
    report = analyze(policy, "CartPole-v1", episodes=2, analyzers={"directions": Directions()})
    assert report.entries["directions"].result == NotApplicable("needs gradients of the scores")


def test_observations_far_from_those_of_training_are_said_loudly():
    first = handmade.linear(1000 * np.random.default_rng(0).normal(size=(2, 4)))
    body = nn.Sequential(first, nn.Tanh(), handmade.linear(np.eye(2)))
    policy = handmade.policy(body, 4, spaces.Discrete(2))
    report = analyze(policy, "CartPole-v1", episodes=2, analyzers={})
    (finding,) = report.findings
    assert finding.severity == "warning"
    assert "a normaliser is probably missing" in finding.sentence


def test_ordinary_observations_raise_no_suspicion(examples):
    report = analyze(examples / "cartpole_ppo.zip", "CartPole-v1", episodes=2, analyzers={})
    assert report.notices == ()


def test_a_policy_from_another_environment_is_refused(examples):
    with pytest.raises(EnvironmentMismatch, match=r"\(4,\), but MountainCar-v0 gives \(2,\)"):
        analyze(examples / "cartpole_ppo.zip", "MountainCar-v0")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [({"episodes": 1}, "at least 2"), ({"seed": -1}, "0 or more"), ({"lanes": 0}, "1 lane")],
)
def test_numbers_that_make_no_sense_are_refused(examples, arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        analyze(examples / "cartpole_ppo.zip", "CartPole-v1", **arguments)


def test_settings_reach_their_analyzer():
    analyzers = configured(["saliency"], {"saliency.states": "7", "saliency.confidence": "1"})
    assert analyzers == {"saliency": Saliency(states=7, confidence=1.0)}


@pytest.mark.parametrize(
    ("names", "settings", "sentence"),
    [
        (["salency"], {}, "Did you mean saliency"),
        (["saliency"], {"returns.confidence": "0.9"}, "not among the analyzers that run"),
        (["saliency"], {"saliency.sates": "9"}, "Did you mean states"),
        (["saliency"], {"saliency.states": "many"}, "takes int, not 'many'"),
        (["saliency"], {"saliency.states": "2.5"}, "takes int, not '2.5'"),
        (["saliency"], {"saliency.states": "True"}, "takes int, not 'True'"),
        (["saliency"], {"saliency.states": "-3"}, "Saliency needs states"),
    ],
)
def test_a_wrong_setting_is_one_sentence(names, settings, sentence):
    with pytest.raises(UsageError, match=sentence):
        configured(names, settings)


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0.5", 0.5), ("True", True), ("easy", "easy"), ("a.b", "a.b")]
)
def test_values_are_literals_or_the_text_itself(text, value):
    assert literal(text) == value


@pytest.mark.slow
def test_progress_counts_every_unit_it_announced(examples):
    from contextlib import contextmanager

    announced: list[tuple[str, int, list[int]]] = []

    @contextmanager
    def progress(description, units):
        announced.append((description, units, []))
        yield announced[-1][2].append

    cartpole = Environment("CartPole-v1", SHORT)
    asked = {"episodes": 6, "lanes": 4, "analyzers": every_analyzer()}
    analyze(examples / "cartpole_ppo.zip", cartpole, **asked, progress=progress)
    assert len(announced) >= 3
    for description, units, done in announced:
        assert sum(done) == units, description


@pytest.fixture
def walk(tmp_path):
    """A recording of eight short CartPole episodes."""
    rng = np.random.default_rng(0)
    path = tmp_path / "walk.npz"
    np.savez(path, observations=rng.normal(size=(80, 4)), episode=np.repeat(np.arange(8), 10))
    return path


def test_a_policy_without_an_environment_is_analysed_on_recorded_observations(examples, walk):
    report = analyze(examples / "cartpole_ppo.zip", observations=walk)
    assert report.entries["returns"].result == NotApplicable("needs an environment to play in")
    assert report.measure("saliency.importance[feature=feature_2]").estimate.n == 8
    assert isinstance(report.environment, Recorded)
    assert (report.environment.observations, report.environment.episodes) == (80, 8)
    assert report.environment.digest == digest(walk)
    assert report.episodes == 0
    assert report.notices == ()
    assert str(report).startswith(
        "cartpole_ppo.zip on walk.npz, 80 recorded observations in 8 episodes"
    )
    assert "E2" in {finding.code for finding in report.findings}


def test_recorded_observations_give_what_the_same_played_ones_give(examples):
    policy = load(examples / "cartpole_ppo.zip")
    environment = Environment("CartPole-v1")
    fitted = policy.fitted_to(*environment.spaces(), environment.id)
    rollouts = play(Greedy(fitted), environment, 3, seed=0)
    recording = Recording(rollouts.observations, rollouts.lengths)
    only = {"saliency": Saliency(states=50)}
    played = analyze(policy, environment, episodes=3, analyzers=only)
    shown = analyze(policy, observations=recording, analyzers=only)
    estimates = [
        [m.estimate for m in report.measures() if m.name != "saliency.return"]
        for report in (played, shown)
    ]
    assert estimates[0] == estimates[1]


def test_the_same_recording_and_seed_give_a_byte_identical_report(examples, walk, tmp_path):
    for name in "ab":
        report = analyze(examples / "cartpole_ppo.zip", observations=str(walk), seed=3)
        write(report, tmp_path / name, {})
        assert read(tmp_path / name).environment == report.environment
    first, second = ((tmp_path / name / "report.json").read_bytes() for name in "ab")
    assert first == second


def test_states_drawn_from_ranges_are_decided_by_the_seed(examples, tmp_path):
    path = tmp_path / "ranges.csv"
    path.write_text("feature,low,high\nx (m),-2,2\nv (m/s),-1,1\nangle (rad),-.2,.2\nspin,-1,1\n")
    only = {"saliency": Saliency(states=20)}
    values = [
        analyze(examples / "cartpole_ppo.zip", observations=path, seed=seed, analyzers=only)
        for seed in (0, 0, 1)
    ]
    first, again, other = (r.measure("saliency.importance[feature=angle]") for r in values)
    assert first == again != other
    assert any("sampled, not visited" in notice for notice in values[0].notices)
    assert values[0].environment.features[0] == "x (m)"
    assert values[0].size == "10,000 sampled observations"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "There is nothing to show the policy"),
        ({"environment": "CartPole-v1", "observations": "walk.npz"}, "not both"),
        ({"environment": "CartPole-v1", "actions": "discrete"}, "the environment knows them"),
    ],
)
def test_an_environment_or_a_recording_is_given(examples, given, sentence):
    with pytest.raises(UsageError, match=sentence):
        analyze(examples / "cartpole_ppo.zip", **given)


SHARED = Path(__file__).parents[2] / "shared" / "checkpoints"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "inputs"),
    [("go1-policy.onnx", 48), ("unitree-g1-motion.pt", 47)],
)
def test_robots_policies_are_analysed_without_an_environment(tmp_path, file, inputs):
    if not (SHARED / file).exists():
        pytest.skip("the published checkpoints are not here")
    if file.endswith("onnx"):
        pytest.importorskip("onnx")
    np.save(tmp_path / "walk.npy", np.random.default_rng(0).normal(size=(60, inputs)))
    report = analyze(SHARED / file, observations=tmp_path / "walk.npy", actions="continuous")
    assert isinstance(report.entries["returns"].result, NotApplicable)
    assert isinstance(report.entries["saliency"].result, Attribution)
    assert len(report.environment.actions) == 12
    assert len(report.environment.features) == inputs
