"""The whole analysis, on policies that are equations themselves."""

import gymnasium
import numpy as np
import pytest

from policyscope import Environment, analyze
from policyscope.analyzers.sindy import Sindy
from policyscope.analyzers.subject import Subject
from policyscope.errors import EnvironmentMismatch
from policyscope.policies.readable import policy_of
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.reports.report import write
from policyscope.reports.results import NotApplicable, SparseEquations
from policyscope.rollouts.actors import Greedy, UniformRandom
from policyscope.rollouts.play import play
from policyscope.sindy.exploring import Exploring, drawable
from policyscope.sindy.playable import law_of

SMALL = {"episodes": 8, "trials": 4, "rounds": 1, "degree": 3, "dynamics_degree": 2, "steps": 20}
PENDULUM = Environment("Pendulum-v1", {"max_episode_steps": 60})
CARTPOLE = Environment("CartPole-v1", {"max_episode_steps": 60})


def balancing() -> Readable:
    """Push right where 10 angle + velocity of the angle + x / 2 > 0."""
    form = Equations.linear(np.array([[0, 0.5], [0, 0.0], [0, 10.0], [0, 1.0]]), np.array([0, 0.0]))
    return Readable(form, tuple("xvaw"), ("left", "right"), (2,), (0,))


def swinging() -> Readable:
    """A torque of −0.2 v + 0.3 sin v²: cubic, and never at its bounds."""
    form = Equations(np.array([[0, 0, 1], [0, 1, 2]]), np.array([[-0.2], [0.01]]))
    return Readable(form, ("cos", "sin", "v"), ("torque",), low=(-2.0,), high=(2.0,))


def asked(readable: Readable, environment: Environment, **changes) -> SparseEquations:
    analyzer = Sindy(**(SMALL | {"size": 2.0, "faithful": 0.0} | changes))
    report = analyze(
        policy_of(readable, "planted"), environment, episodes=6, analyzers={"sindy": analyzer}
    )
    result = report.entries["sindy"].result
    assert isinstance(result, SparseEquations), result
    return result


@pytest.fixture(scope="module")
def pole():
    return asked(balancing(), CARTPOLE)


@pytest.fixture(scope="module")
def swing():
    return asked(swinging(), PENDULUM)


def test_a_linear_policy_is_found_and_returns_the_same(pole):
    policy = pole.policy
    assert policy.left == ("preference for push right",)
    found = dict(zip(policy.terms, policy.coefficients[0], strict=True))
    assert found == pytest.approx(
        {"cart position": 0.5, "pole angle": 10, "pole angular velocity": 1}, rel=1e-4
    )
    assert policy.fidelity.value > 0.999
    np.testing.assert_array_equal(policy.returns, policy.clean)
    assert policy.disagreement.value < 0.02
    assert pole.dynamics.smooth and not len(pole.dynamics.fixed_points)


def test_a_planted_cubic_policy_is_found_from_its_rollouts(swing):
    policy = swing.policy
    found = dict(zip(policy.terms, policy.coefficients[0], strict=True))
    assert found == pytest.approx(
        {"angular velocity": -0.2, "angle sine · angular velocity²": 0.01}, rel=1e-3
    )
    np.testing.assert_allclose(policy.returns, policy.clean, rtol=1e-3)
    assert policy.idle.sum() == 0


def test_the_closed_loop_rests_where_the_pendulum_hangs(swing):
    """u = −0.2 v holds nothing up: it rests upside down, which damping makes stable."""
    dynamics = swing.dynamics
    stable = dynamics.fixed_points[dynamics.stable]
    assert len(stable) == 1
    np.testing.assert_allclose(stable[0], [-1, 0, 0], atol=0.02)
    assert np.all(dynamics.moduli[~dynamics.stable, 0] > 1)


def test_doubt_is_where_the_members_disagree():
    """A fifth power of the speed that cubes cannot follow is in doubt at high speeds."""
    rng = np.random.default_rng(0)
    form = Equations(np.array([[0, 0, 1], [0, 0, 5]]), np.array([[-0.2], [0.00004]]))
    readable = Readable(form, ("cos", "sin", "v"), ("torque",), low=(-2.0,), high=(2.0,))
    subject = Subject.observed(policy_of(readable, "planted"), PENDULUM, 6, 0)
    result = Sindy(**(SMALL | {"size": 2.0, "noise": 0.3})).run(subject, rng)
    assert isinstance(result, SparseEquations)
    speeds = np.abs(subject.rollouts.observations[:, 2])
    assert np.abs(result.policy.doubtful[:, 2]).mean() > speeds.mean()


def test_measures_of_both_kinds_are_there(pole, swing):
    discrete, continuous = ({m.name for m in result.measures()} for result in (pole, swing))
    common = {"policy.return", "policy.terms", "policy.size_ratio", "dynamics.error"}
    assert common | {"dynamics.horizon", "policy.agreement"} <= discrete
    assert common | {"dynamics.horizon", "policy.error", "fixed_points.stable"} <= continuous
    assert "policy.error" not in discrete and "policy.agreement" not in continuous


def test_equations_are_written_in_latex(swing):
    assert r"\mathrm{torque} &= - 0.2 \mathrm{angular~velocity}" in swing.latex
    assert r"\mathrm{change~of~angular~velocity} &=" in swing.latex


def test_the_surrogate_environment_does_what_the_equations_say(tmp_path, swing):
    analyzer = Sindy(**SMALL)
    report = analyze(
        policy_of(swinging(), "planted"), PENDULUM, episodes=6, analyzers={"sindy": analyzer}
    )
    write(report, tmp_path / "report", {})
    environment = Environment(
        "policyscope.sindy.playable:Surrogate-v0", {"report": str(tmp_path / "report")}
    )
    played = play(Greedy(swing_policy()), environment, 4, 0)
    assert played.lengths.max() <= 60
    result = report.entries["sindy"].result
    law = law_of(result.dynamics)
    one = play(Greedy(swing_policy()), environment, 1, 0)
    now, following = one.observations[:-1].astype(float), one.observations[1:]
    stepped = law.step(now, one.actions[:-1].astype(float))
    np.testing.assert_allclose(stepped, following, atol=1e-5)
    # and it is nearly the pendulum itself
    real = play(Greedy(swing_policy()), PENDULUM, 30, 0).returns.mean()
    surrogate = play(Greedy(swing_policy()), environment, 30, 0).returns.mean()
    assert surrogate == pytest.approx(real, rel=0.25)


def swing_policy():
    return policy_of(swinging(), "planted").fitted_to(*PENDULUM.spaces(), PENDULUM.id)


def test_a_report_without_dynamics_cannot_be_played(tmp_path, cartpole_report):
    write(cartpole_report, tmp_path / "report", {})
    environment = Environment(
        "policyscope.sindy.playable:Surrogate-v0", {"report": str(tmp_path / "report")}
    )
    with pytest.raises(EnvironmentMismatch, match="holds no equations of the dynamics by 'sindy'"):
        environment.spaces()


def test_nothing_is_fitted_to_the_episodes_that_are_reported(monkeypatch):
    played = []
    original = Subject.play

    def watched(self, actor, perturbation=None, episodes=None, seed=None, what=None):
        played.append((self.seed if seed is None else seed, what or actor.purpose))
        return original(self, actor, perturbation, episodes, seed, what)

    monkeypatch.setattr(Subject, "play", watched)
    subject = Subject.observed(policy_of(balancing(), "planted"), CARTPOLE, 4, seed=7)
    Sindy(**SMALL).run(subject, np.random.default_rng(0))
    own = [what for seed, what in played if seed == subject.seed]
    assert own == ["greedy policy"] * 3  # the equations, the linear policy and the tree, judged
    seeds = {what: {seed for seed, other in played if other == what} for _, what in played}
    assert not seeds["trials of equations"] & seeds["states for equations"]


def test_too_little_is_said_to_be_too_little():
    short = Environment("CartPole-v1", {"max_episode_steps": 5})
    report = analyze(
        policy_of(balancing(), "planted"), short, episodes=3, analyzers={"sindy": Sindy(**SMALL)}
    )
    answer = report.entries["sindy"].result
    assert isinstance(answer, NotApplicable) and "too few to fit equations to" in answer.reason


def test_a_policy_that_always_does_the_same_is_no_crash():
    form = Equations(np.zeros((1, 3), int), np.zeros((1, 1)))
    idle = Readable(form, ("cos", "sin", "v"), ("torque",), low=(-2.0,), high=(2.0,))
    report = analyze(
        policy_of(idle, "idle"), PENDULUM, episodes=3, analyzers={"sindy": Sindy(**SMALL)}
    )
    answer = report.entries["sindy"].result
    assert isinstance(answer, NotApplicable) and "answers the same everywhere" in answer.reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"episodes": 3},
        {"trials": 1},
        {"rounds": -1},
        {"terms": 0},
        {"size": -1.0},
        {"exploring": 0},
    ],
)
def test_senseless_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match="Sindy needs"):
        Sindy(**wrong)


def test_exploring_acts_at_random_in_a_share_of_the_steps():
    subject = Subject.observed(policy_of(balancing(), "planted"), CARTPOLE, 4, 0)
    for share in (1e-9, 0.5, 1.0):
        actor = Exploring(Greedy(subject.policy), UniformRandom(subject.action_space), share)
        played = play(actor, CARTPOLE, 20, 1)
        wanted = play(Greedy(subject.policy), CARTPOLE, 20, 1)
        if share < 0.1:
            np.testing.assert_array_equal(played.actions, wanted.actions)
        else:
            own = balancing().decisions(played.observations.astype(float))[:, 0]
            # half of the random actions are the policy's own
            assert np.mean(own != played.actions) == pytest.approx(share / 2, abs=0.08)


def test_unbounded_actions_are_drawn_from_those_that_were_taken():
    wide = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
    subject = Subject.observed(policy_of(swinging(), "planted"), PENDULUM, 3, 0)
    space = drawable(wide, subject.rollouts)
    assert space.low[0] == subject.rollouts.actions.min()
    assert drawable(subject.action_space, subject.rollouts) is subject.action_space
